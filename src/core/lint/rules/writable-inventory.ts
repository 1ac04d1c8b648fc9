import { folderOf } from "../../inventory/variable-files.js";
import type { Rule } from "../rule.js";

const OTHERS_WRITE = 0o002;
/** In such a folder, /tmp for one, only its owner renames or removes a file. */
const STICKY = 0o1000;

export const writableInventory: Rule = {
  name: "writable-inventory",
  about: "Everybody on the machine can write an inventory: whoever does decides what is run as root on the hosts.",
  severity: "error",
  check: ({ inventories, mode }) => inventories.flatMap(({ files }) => files.flatMap((file) => {
    const own = mode(file);
    const folder = folderOf(file);
    const above = mode(folder);
    const writable = own !== undefined && (own & OTHERS_WRITE) !== 0 ? file
      : above !== undefined && (above & OTHERS_WRITE) !== 0 && (above & STICKY) === 0 ? folder : undefined;
    if (writable === undefined) return [];
    return [{
      at: { source: { file, text: "" }, start: 0, end: 0 }, fix: `Run chmod o-w ${writable}`,
      summary: writable === file ? "everybody can write this file" : `everybody can write in the folder of this file, ${folder}`,
    }];
  })),
};
