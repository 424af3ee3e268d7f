// Loaded before Azurite (NODE_OPTIONS=--import). It has Azurite save what it was
// told before it says so, as Azure Storage does: by itself it saves every five
// seconds, and kill -9 takes what it has acknowledged since.
import { createRequire } from "node:module";
import { ServerResponse } from "node:http";

const program = process.argv[1] ?? "";
if (program.includes("azurite")) {
  const Loki = createRequire(program)("lokijs");
  const databases = new Set();

  const enable = Loki.prototype.autosaveEnable;
  Loki.prototype.autosaveEnable = function (...args) {
    databases.add(this);
    return enable.apply(this, args);
  };

  // saved calls back when all that a database holds now is in its file.
  // Answers that wait at the same time share one save.
  const saved = (database) =>
    new Promise((resolve, reject) => {
      if (!database.autosaveDirty() && !database.throttledSavePending) {
        resolve();
        return;
      }
      database.saveDatabase((err) => (err ? reject(err) : resolve()));
    });

  // A blob is never in its file before the extent that its content is in.
  const holdsExtents = (file) => file.includes("_extent_");
  const write = Loki.LokiFsAdapter.prototype.saveDatabase;
  Loki.LokiFsAdapter.prototype.saveDatabase = function (file, text, callback) {
    const first = holdsExtents(file) ? [] : [...databases].filter((d) => holdsExtents(d.filename));
    Promise.all(first.map(saved)).then(() => write.call(this, file, text, callback), callback);
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
