'use strict';
// An append-only file of JSON lines, read back at the start. append() resolves once the record is on the disk; whatever
// arrives while the disk is busy goes out in one write, so that many orders share one fdatasync.

const fs = require('fs');

class Journal {
  // Calls `replay` with every record. A last line that was torn by a crash was never answered for, and is cut off.
  constructor(path, replay) {
    this.waiting = [];
    this.lines = [];
    this.busy = false;
    const old = fs.existsSync(path) ? fs.readFileSync(path) : Buffer.alloc(0);
    const end = old.lastIndexOf(0x0a) + 1;
    for (let from = 0; from < end;) {
      const to = old.indexOf(0x0a, from);
      replay(JSON.parse(old.toString('utf8', from, to)));
      from = to + 1;
    }
    this.file = fs.openSync(path, 'a', 0o600);
    if (end < old.length) fs.ftruncateSync(this.file, end);
    fs.fsyncSync(this.file);
  }

  append(record) {
    this.lines.push(JSON.stringify(record) + '\n');
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (!this.busy) this.flush();
    });
  }

  // A disk that refuses leaves a state that nobody can vouch for: the process ends, and its next start reads what stands.
  flush() {
    const bytes = Buffer.from(this.lines.join(''));
    const answered = this.waiting;
    this.lines = [];
    this.waiting = [];
    this.busy = true;
    this.write(bytes, () => fs.fdatasync(this.file, (error) => {
      if (error) throw error;
      this.busy = false;
      for (const resolve of answered) resolve();
      if (this.waiting.length > 0) this.flush();
    }));
  }

  write(bytes, done) {
    fs.write(this.file, bytes, (error, written) => {
      if (error) throw error;
      if (written < bytes.length) this.write(bytes.subarray(written), done);
      else done();
    });
  }
}

module.exports = { Journal };
