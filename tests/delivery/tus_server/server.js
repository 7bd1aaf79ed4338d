// A tus server on 127.0.0.1: node server.js PORT FOLDER [MILLISECONDS UNTIL AN UPLOAD EXPIRES]
const { Server } = require("@tus/server");
const { FileStore } = require("@tus/file-store");

const [port, directory, expires = "0"] = process.argv.slice(2);
const datastore = new FileStore({ directory, expirationPeriodInMilliseconds: Number(expires) });
const server = new Server({ path: "/files", datastore });
server.listen({ host: "127.0.0.1", port: Number(port) });
