// Loaded before Azurite (NODE_OPTIONS=--import). It has Azurite save what it was
// told before it says so, as Azure Storage does: by itself it saves every five
// seconds, and kill -9 takes what it has acknowledged since.
import { createRequire } from "node:module";
import { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

// A save writes the whole index, so answers wait a moment for each other.
const together = 150; // ms

const program = process.argv[1] ?? "";
if (program.includes("azurite")) {
  const Loki = createRequire(program)("lokijs");
  const databases = new Set();

  const enable = Loki.prototype.autosaveEnable;
  Loki.prototype.autosaveEnable = function (...args) {
    databases.add(this);
    return enable.apply(this, args);
  };

  const unsaved = (database) => database.autosaveDirty() || database.throttledSavePending;

  // save ends when all that a database holds now is in its file.
  const save = (database) =>
    new Promise((resolve, reject) => {
      if (unsaved(database)) {
        database.saveDatabase((err) => (err ? reject(err) : resolve()));
      } else {
        resolve();
      }
    });

  // saved is save, once for all that ask for it within a moment.
  const asked = new Map();
  const saved = (database) => {
    if (!unsaved(database)) {
      return undefined;
    }
    if (!asked.has(database)) {
      const next = pause(together).then(() => {
        asked.delete(database);
        return save(database);
      });
      asked.set(database, next);
    }
    return asked.get(database);
  };

  // A blob is never in its file before the extent that its content is in.
  const holdsExtents = (file) => file.includes("_extent_");
  const write = Loki.LokiFsAdapter.prototype.saveDatabase;
  Loki.LokiFsAdapter.prototype.saveDatabase = function (file, text, callback) {
    const first = holdsExtents(file) ? [] : [...databases].filter((d) => holdsExtents(d.filename));
    Promise.all(first.map(save)).then(() => write.call(this, file, text, callback), callback);
  };

  const end = ServerResponse.prototype.end;
  ServerResponse.prototype.end = function (...args) {
    const reads = this.req?.method === "GET" || this.req?.method === "HEAD";
    if (reads || this.statusCode >= 400) {
      return end.apply(this, args);
    }
    Promise.all([...databases].map(saved)).then(
      () => end.apply(this, args),
      (err) => {
        console.error("Azurite could not save:", err);
        this.destroy();
      },
    );
    return this;
  };
}
