import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CommandResult } from "../../src/core/model/command.js";
import { fact as saveFiles } from "../../src/core/facts/save-files.js";
import { fact as xlConfigs } from "../../src/core/facts/xl-configs.js";
import { BARE, PLAIN, UNCLEAR, USUAL } from "../support/xendomains-settings.js";

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

  test.each(USUAL)("and in the usual place: %s", (line) => {
    expect(saveFiles.parse(run(shell, script, line)).value).toEqual(["usual1"]);
  });

  test.each(UNCLEAR)("where only a shell could tell, nothing is known: %s", (line) => {
    const { value, diagnostics } = saveFiles.parse(run(shell, script, line));
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: "fact-unreadable", summary: /XENDOMAINS_SAVE/, detail: /xendomains: / }]);
  });

  test("a guest's config in /etc/xen may have any name but that of a copy, and what is none is passed over", () => {
    const [, , configs = ""] = xlConfigs.command;
    const guest = (name: string): string => `name = '${name}'\ndisk = [ 'file:/srv/xen/${name}.img,xvda1,w' ]\n`;
    const written = {
      "usual1.cfg": guest("usual1"), plain1: guest("plain1"), "late1.example.org": guest("late1"), "web1.conf": guest("web1"),
      "pv1.example.org": "name = 'pv1'\nbootloader = 'pygrub'\n",
      // copies and what packages bring
      "usual1.cfg~": guest("usual1"), "usual1.cfg.2024": guest("usual1"), "web1.conf.1": guest("web1"), "late1.example.org.bak": guest("late1"),
      "plain1.dpkg-old": guest("plain1"), "plain1.orig": guest("plain1"), "xl.conf": guest("x"), "xlexample.hvm": guest("x"), "xend-config.sxp": "(x)\n",
      // neither a config nor worth a word
      "notes.txt": "call Bob about 'web1\n", "settings.conf": "name = 'x'\n", "broken.example.org": "name = 'x'\ndisk = [ 'nonsense' \n",
      "latin.txt": "caf\u00e9 = (\n", "long.txt": `# ${"x".repeat(300 * 1024)}\n`,
    };
    for (const [name, text] of Object.entries(written)) writeFileSync(join(root, "xen", name), text, name === "latin.txt" ? "latin1" : "utf8");
    const { value, diagnostics } = xlConfigs.parse(run(shell, configs.replaceAll("/etc/xen/*", `${root}/xen/*`), ""));
    for (const name of Object.keys(written)) rmSync(join(root, "xen", name));
    expect(value?.configs.map(({ config }) => config?.name).sort()).toEqual(["late1", "plain1", "pv1", "usual1", "web1"]);
    expect(diagnostics).toEqual([]);
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
