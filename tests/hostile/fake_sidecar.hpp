#pragma once

namespace bulkhead::hostile {

// A sidecar that says what it sees on its stdout (the stream "sidecar" of the log):
//   door ADDRESS:PORT from ADDRESS     a connection to a door; it is answered with the same text
//   dns                                a question
//   tried PROTOCOL ADDRESS:PORT        an undeclared dial
//   service_started                    the keeper's word
//   dialled ERRNO TEXT                 the hello had "dial": PORT: what the service answered
//   answered N                         the hello had "flood": PORT: of 600 requests for sockets at once
// A hello with "silent": true makes it never ready, "stubborn": true deaf to drain and finish.
int fake_sidecar_main();

}  // namespace bulkhead::hostile
