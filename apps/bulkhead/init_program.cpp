// apps/init, as a part of this program (src/compartments/init_program.hpp).

asm(R"(
  .section .rodata.bulkhead_init, "a"
  .balign 16
  .globl bulkhead_init_begin, bulkhead_init_end
bulkhead_init_begin:
  .incbin ")" BULKHEAD_INIT R"("
bulkhead_init_end:
  .previous
)");
