import { readStoredDomains, redactStoredDomains, type StoredDomain } from "../xl/stored.js";
import { absent, isMissingTool, known, unreadable, type FirstFact } from "./fact.js";

/** What xl stored of the running guests: their own reboot comes up with this (xl(1), "list -l"). */
export const fact: FirstFact<readonly StoredDomain[]> = {
  name: "stored-configs",
  round: 1,
  needs: ["xl"],
  command: ["xl", "list", "-l"],
  parse(result) {
    if (isMissingTool(result)) return absent;
    if (result.exitCode !== 0) return unreadable("stored configurations of running guests", result);
    // xl's own warnings may stand before the list
    const start = result.stdout.search(/^\[/m);
    const read = readStoredDomains(start === -1 ? result.stdout : result.stdout.slice(start));
    if (read.value === undefined) {
      return unreadable("stored configurations of running guests", result, read.diagnostics[0]?.detail);
    }
    return known(read.value, read.diagnostics);
  },
  redact: (result) => ({ ...result, stdout: redactStoredDomains(result.stdout) }),
};
