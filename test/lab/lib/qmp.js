// One command to the lab's QEMU, by its monitor: node qmp.js SOCKET COMMAND [ARGUMENTS as JSON]. Prints what it returned.
import { connect } from "node:net";

const [path = "", execute = "", given = "{}"] = process.argv.slice(2);
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
      console.error(`qmp ${execute}: ${answer.error.desc}`);
      process.exit(1);
    } else if ("return" in answer && !greeted) {
      greeted = true;
      send({ execute, arguments: JSON.parse(given) });
    } else if ("return" in answer) {
      console.log(JSON.stringify(answer.return));
      process.exit(0);
    }
  }
}).on("error", ({ message }) => {
  console.error(`qmp ${execute}: ${message}`);
  process.exit(1);
}).on("close", () => {
  console.error(`qmp ${execute}: QEMU has gone`);
  process.exit(1);
});
