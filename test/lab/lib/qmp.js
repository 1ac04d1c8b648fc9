// One command to the lab's QEMU, by its monitor: node qmp.js SOCKET COMMAND [ARGUMENTS as JSON]. Prints what it returned.
import { error, log } from "node:console";
import { connect } from "node:net";
import { argv, exit } from "node:process";

const [path = "", execute = "", given = "{}"] = argv.slice(2);
const socket = connect(path);
const send = (message) => socket.write(`${JSON.stringify(message)}\n`);

let text = "";
let greeted = false;
socket.setEncoding("utf8").on("data", (chunk) => {
  text += chunk;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
    const answer = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    if ("QMP" in answer) {
      send({ execute: "qmp_capabilities" });
    } else if ("error" in answer) {
      error(`qmp ${execute}: ${answer.error.desc}`);
      exit(1);
    } else if ("return" in answer && !greeted) {
      greeted = true;
      send({ execute, arguments: JSON.parse(given) });
    } else if ("return" in answer) {
      log(JSON.stringify(answer.return));
      exit(0);
    }
  }
}).on("error", ({ message }) => {
  error(`qmp ${execute}: ${message}`);
  exit(1);
}).on("close", () => {
  error(`qmp ${execute}: QEMU has gone`);
  exit(1);
});
