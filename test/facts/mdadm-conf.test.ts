import { expect, test } from "vitest";
import { fact } from "../../src/core/facts/scanning.js";

/** Which mdadm.conf counts, mdadm does not say: Debian's reads one, others the other. */

test.each([
  { what: "recorded before the files were told apart", lines: ["auto -all", "auto +all"], auto: ["-all"] },
  { what: "the only file", lines: ["conf /etc/mdadm/mdadm.conf", "AUTO -all"], auto: ["-all"] },
  { what: "a folder beside it", lines: ["conf /etc/mdadm/mdadm.conf", "conf /etc/mdadm/mdadm.conf.d/x", "AUTO -all"], auto: ["-all"] },
  { what: "the other file has no word of it", lines: ["conf /etc/mdadm/mdadm.conf", "conf /etc/mdadm.conf", "AUTO -all"], auto: [] },
  { what: "the other way round", lines: ["conf /etc/mdadm/mdadm.conf", "AUTO -all", "conf /etc/mdadm.conf"], auto: [] },
  { what: "both say the same", lines: ["conf /etc/mdadm/mdadm.conf", "AUTO -all", "conf /etc/mdadm.conf", "AUTO -all"], auto: ["-all"] },
  { what: "one lets more through", lines: ["conf /etc/mdadm/mdadm.conf", "AUTO -all", "conf /etc/mdadm.conf", "AUTO +1.x -all"], auto: ["+1.x", "-all"] },
  { what: "each lets another kind through", lines: ["conf /etc/mdadm/mdadm.conf", "AUTO +0.90 -all", "conf /etc/mdadm.conf", "AUTO +1.x -all"], auto: [] },
])("$what", ({ lines, auto }) => {
  const stdout = ["mdadm", ...lines, "max_part 0", ""].join("\n");
  expect(fact.parse({ exitCode: 0, stdout, stderr: "" }).value?.md).toEqual({ auto });
});
