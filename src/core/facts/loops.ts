import type { Loop } from "../model/storage.js";
import { absent, isMissingTool, known, unreadable, type FirstFact } from "./fact.js";
import { isObject, numberOf, objectsOf, parseJson, textOf } from "./json.js";

/** losetup(8) marks a backing file whose name is gone; the kernel appends it (drivers/block/loop.c). */
const DELETED = " (deleted)";

/** Loop devices that have a file (losetup(8)), by their numbers. */
export const fact: FirstFact<readonly Loop[]> = {
  name: "loops",
  round: 1,
  command: ["losetup", "--json", "-l", "-O", "NAME,BACK-FILE,BACK-INO,BACK-MAJ:MIN,OFFSET,RO"],
  parse(result) {
    if (isMissingTool(result)) return absent;
    // util-linux prints nothing at all where there is no loop device
    if (result.exitCode === 0 && result.stdout.trim() === "") return known([]);
    const report = parseJson(result.stdout);
    if (!isObject(report) || !Array.isArray(report["loopdevices"])) return unreadable("loop devices", result);
    const loops: Loop[] = [];
    for (const row of objectsOf(report["loopdevices"])) {
      const device = textOf(row, "name");
      // not trimmed: a name may end in a space
      const file = typeof row["back-file"] === "string" ? row["back-file"] : "";
      if (device === "" || file === "") continue;
      const deleted = file.endsWith(DELETED);
      loops.push({
        device,
        backing: deleted ? file.slice(0, -DELETED.length) : file,
        inode: numberOf(row, "back-ino") ?? 0,
        devno: textOf(row, "back-maj:min").replaceAll(" ", ""),
        offset: numberOf(row, "offset") ?? 0,
        readOnly: ["true", "1"].includes(textOf(row, "ro")),
        deleted,
      });
    }
    // the kernel's order is that of opening
    return known(loops.sort((a, b) => loopNumber(a.device) - loopNumber(b.device)));
  },
};

function loopNumber(device: string): number {
  return Number(/\d+$/.exec(device)?.[0] ?? Number.MAX_SAFE_INTEGER);
}
