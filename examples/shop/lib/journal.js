'use strict';
// An append-only file of JSON lines, read back at the start. append() resolves once the record is on the disk; whatever
// arrives while the disk is busy goes out in one write, so that many records share one fdatasync.

const fs = require('fs');

const CHUNK = 1 << 20;

class Journal {
  // Calls `replay` with every record. A last line that was torn by a crash was never answered for, and is cut off.
  constructor(path, replay) {
    this.replay = replay;
    this.position = 0;  // of what was replayed
    this.waiting = [];
    this.lines = [];
    this.busy = false;
    this.file = fs.openSync(path, 'a+', 0o600);
    this.read();
    this.mend();
  }

  // Replays the whole lines behind the position.
  read() {
    for (let rest = Buffer.alloc(0); ;) {
      const chunk = Buffer.alloc(CHUNK);
      const length = fs.readSync(this.file, chunk, 0, CHUNK, this.position + rest.length);
      const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      for (let from = 0; from < end;) {
        const to = bytes.indexOf(0x0a, from);
        this.take(bytes.toString('utf8', from, to));
        from = to + 1;
      }
      this.position += end;
      rest = bytes.subarray(end);
      if (length === 0) return;
    }
  }

  take(line) { this.replay(JSON.parse(line)); }

  mend() {
    fs.ftruncateSync(this.file, this.position);
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
      this.written();
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

  // What was appended stands; whoever appended it applied it itself.
  written() {}
}

// A journal that several processes append to and follow: the order of its lines is the order of what happened, for each
// of them. A record is replayed where it stands in the file, that of another process on the next refresh(), an own one
// before its append() resolves.
class SharedJournal extends Journal {
  refresh() { this.read(); }
  written() { this.read(); }

  // Another process may be writing what looks torn: nothing is cut off. A line feed before each batch ends what was torn.
  mend() {}

  take(line) {
    let record;
    try {
      record = JSON.parse(line);
    } catch {
      return;  // empty, or torn
    }
    this.replay(record);
  }

  // One write is one piece among those of others, so one that was not whole is repeated whole.
  write(bytes, done) {
    const batch = Buffer.concat([Buffer.from('\n'), bytes]);
    fs.write(this.file, batch, (error, written) => {
      if (error) throw error;
      if (written < batch.length) this.write(bytes, done);
      else done();
    });
  }
}

module.exports = { Journal, SharedJournal };
