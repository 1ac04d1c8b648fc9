import { isRehearsal } from "../model/names.js";
import { absent, isMissingTool, known, unreadable, type FirstFact } from "./fact.js";

/** A running guest as `xl list -v` shows it. Neither Dom0 nor a clone that a rehearsal booted is among them. */
export interface ListedDomain {
  readonly name: string;
  readonly domid: number;
  readonly uuid: string;
  readonly memoryKiB: number;
  /** Letters of xl(1), "list": r b p s c d; in the place of the c stands why it has shut down, one of `rscwS?`. */
  readonly state: string;
}

/** Name, id, MiB, VCPUs, state, seconds, UUID; a name may hold blanks. */
const LINE = /^(.*?)\s+(\d+)\s+(\d+)\s+(\d+)\s+([-a-zA-Z?]{6,})\s+[\d.]+\s+([0-9a-f]{8}(?:-[0-9a-f]{4,12}){4})/;

/** Guests that run, are paused, or have shut down and are there still (xl(1), "list"). */
export const fact: FirstFact<readonly ListedDomain[]> = {
  name: "domain-list",
  round: 1,
  command: ["xl", "list", "-v"],
  parse(result) {
    if (isMissingTool(result)) return absent;
    if (result.exitCode !== 0) return unreadable("running guests", result);
    const domains: ListedDomain[] = [];
    for (const line of result.stdout.split("\n")) {
      const match = LINE.exec(line);
      if (match === null || match[2] === "0") continue;
      const [, name = "", domid = "", mebibytes = "", , state = "", uuid = ""] = match;
      if (isRehearsal(name, uuid)) continue;
      domains.push({ name, domid: Number(domid), uuid, memoryKiB: Number(mebibytes) * 1024, state });
    }
    return known(domains);
  },
};
