#pragma once

namespace bulkhead::hostile {

// A sidecar that says what it sees on its stdout (the stream "sidecar" of the log):
//   door ADDRESS:PORT from ADDRESS     a connection to a door; it is answered with the same text
//   dns                                a question
//   tried PROTOCOL ADDRESS:PORT        an undeclared dial
//   service_started, retire            the keeper's word
//   opened, inherited                  the hello had "listen": it opened that Unix socket, or got it from the keeper
//   dialled ERRNO TEXT                 the hello had "dial": PORT: what the service answered
//   answered N                         the hello had "flood": PORT: of 600 requests for sockets at once
// A hello with "silent": true makes it never ready, "stubborn": true deaf to drain, retire and
// finish.
int fake_sidecar_main();

}  // namespace bulkhead::hostile
