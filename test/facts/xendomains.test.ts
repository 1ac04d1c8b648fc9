import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CommandResult } from "../../src/core/model/command.js";
import { fact as saveFiles } from "../../src/core/facts/save-files.js";
import { fact as xlConfigs } from "../../src/core/facts/xl-configs.js";

/** The facts' own scripts on settings of xendomains that lie on this machine's disk, against what a shell makes of them. */

const root = mkdtempSync(join(tmpdir(), "converge-xendomains-"));
afterAll(() => { rmSync(root, { recursive: true }); });

const settings = join(root, "xendomains");
const elsewhere = join(root, "else where");
for (const dir of ["save", "else where", "auto", "xen/auto"]) mkdirSync(join(root, dir), { recursive: true });
writeFileSync(join(root, "save", "usual1"), "");
writeFileSync(join(elsewhere, "web1"), "");
writeFileSync(join(root, "auto", "web1"), "name = 'web1'\n");

const SHELLS = ["sh", "bash", "dash", "busybox sh"].filter((shell) => spawnSync(shell.split(" ")[0] ?? "", ["-c", ":"]).error === undefined);

function run(shell: string, script: string, text: string): CommandResult {
  writeFileSync(settings, `# what is set here: XENDOMAINS_SAVE=/nowhere/$X\n${text}\nXENDOMAINS_AUTO_ONLY=false\n`);
  const here = script
    .replaceAll("/etc/default/xendomains", settings).replaceAll("/etc/sysconfig/xendomains", join(root, "none"))
    .replaceAll("/var/lib/xen/save", join(root, "save")).replaceAll("/etc/xen/", `${root}/xen/`);
  const [program = "", ...words] = shell.split(" ");
  const { status, stdout, stderr } = spawnSync(program, [...words, "-c", here], { encoding: "utf8" });
  return { exitCode: status ?? -1, stdout, stderr };
}

const PLAIN = [
  'XENDOMAINS_SAVE="DIR"', "XENDOMAINS_SAVE='DIR'", 'XENDOMAINS_SAVE="DIR" # here', 'XENDOMAINS_SAVE="DIR"   ', 'export XENDOMAINS_SAVE="DIR"',
  '  XENDOMAINS_SAVE="DIR"', '\t export \t XENDOMAINS_SAVE="DIR"', 'XENDOMAINS_SAVE="DIR/"', 'XENDOMAINS_SAVE="DIR"; X=1', "XENDOMAINS_RESTORE=true # see XENDOMAINS_SAVE\nXENDOMAINS_SAVE='DIR'",
];
const BARE = ["XENDOMAINS_SAVE=DIR", "XENDOMAINS_SAVE=DIR # here", "XENDOMAINS_SAVE=DIR  ", "export XENDOMAINS_SAVE=DIR", "XENDOMAINS_SAVE=DIR;X=1"];
const UNCLEAR = [
  'B="DIR"\nXENDOMAINS_SAVE=$B', 'XENDOMAINS_SAVE="$(echo DIR)"', "XENDOMAINS_SAVE=`echo DIR`", "XENDOMAINS_SAVE=DIR\\ x", 'XENDOMAINS_SAVE="DIR"x',
  "XENDOMAINS_SAVE=~/save", "X=1; XENDOMAINS_SAVE=DIR", ': "${XENDOMAINS_SAVE:=DIR}"', 'XENDOMAINS_SAVE="DIR',
];

for (const [turn, shell] of SHELLS.entries()) describe(`under ${shell}`, { tags: turn === 0 ? [] : ["long"] }, () => {
  const [, , script = ""] = saveFiles.command;

  test.each(PLAIN)("save files are found where a shell would look: %s", (line) => {
    const text = line.replaceAll("DIR", elsewhere);
    expect(execFileSync("sh", ["-c", `${text}\nprintf %s "$XENDOMAINS_SAVE"`], { encoding: "utf8" }).replace(/\/$/, "")).toBe(elsewhere);
    expect(saveFiles.parse(run(shell, script, text))).toEqual({ value: ["web1", "usual1"], diagnostics: [] });
  });

  test.each(BARE)("and without quotes: %s", (line) => {
    expect(saveFiles.parse(run(shell, script, line.replaceAll("DIR", join(root, "auto")))).value).toEqual(["web1", "usual1"]);
  });

  test.each(["", "XENDOMAINS_SAVE=", "XENDOMAINS_SAVE=\"\"  # never"])("and in the usual place: %s", (line) => {
    expect(saveFiles.parse(run(shell, script, line)).value).toEqual(["usual1"]);
  });

  test.each(UNCLEAR)("where only a shell could tell, nothing is known: %s", (line) => {
    const { value, diagnostics } = saveFiles.parse(run(shell, script, line));
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: "fact-unreadable", summary: /XENDOMAINS_SAVE/, detail: /xendomains: / }]);
  });

  test("guests that are started from another directory are found, and as such", () => {
    const [, , configs = ""] = xlConfigs.command;
    const result = run(shell, configs, `XENDOMAINS_AUTO=${join(root, "auto")}/ # ours`);
    const { value } = xlConfigs.parse(result);
    expect(value?.configs.map(({ config }) => config?.name)).toEqual(["web1"]);
    expect(value?.autostart).toEqual([`${root}/auto/web1`]);
    expect(xlConfigs.redact && xlConfigs.parse(xlConfigs.redact(result)).value).toEqual(value);
    expect(xlConfigs.parse(run(shell, configs, "XENDOMAINS_AUTO=$HOME")).value).toBeUndefined();
  });
});
