import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { fact } from "../../src/core/facts/managers.js";

/** The fact's own script on a Dom0's files that lie in a folder of this machine: who else owns guests. */

const SHELLS = ["sh", "bash", "dash", "busybox sh"].filter((shell) => spawnSync(shell.split(" ")[0] ?? "", ["-c", ":"]).error === undefined);

/** What each leaves where it owns guests; a name with a slash at its end is a folder. */
const MARKS: readonly (readonly [path: string, manager: string])[] = [
  ["/etc/xensource/pool.conf", "xapi"],
  ["/etc/xensource-inventory", "xapi"],
  ["/etc/libvirt/libxl/web1.xml", "libvirt"],
  ["/run/libvirt/libxl/web1.xml", "libvirt"],
  ["/var/lib/libvirt/libxl/web1.save", "libvirt"],
  ["/var/lib/ganeti/config.data", "ganeti"],
  ["/var/lib/ganeti/ssconf_cluster_name", "ganeti"],
  ["/run/pacemaker/", "pacemaker"],
  ["/var/lib/pacemaker/cib/cib.xml", "pacemaker"],
];

/** What packages bring, or leave behind, on hosts where no guest is theirs. */
const NONE: readonly string[] = [
  "/etc/libvirt/libxl.conf", "/etc/libvirt/libxl/autostart/", "/etc/libvirt/qemu/web1.xml", "/run/libvirt/libxl/", "/var/lib/libvirt/libxl/dump/",
  "/var/lib/ganeti/rapi/", "/var/lib/pacemaker/cib/", "/etc/xensource/", "/etc/xen/web1.cfg",
];

function asked(shell: string, paths: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), "converge-managers-"));
  try {
    for (const path of paths) {
      const at = join(root, path);
      mkdirSync(path.endsWith("/") ? at : dirname(at), { recursive: true });
      if (!path.endsWith("/")) writeFileSync(at, "");
    }
    const [, , script = ""] = fact.command;
    const [program = "", ...words] = shell.split(" ");
    const { status, stdout, stderr } = spawnSync(program, [...words, "-c", script.replaceAll(/ (?=\/(?:etc|run|var)\/)/g, ` ${root}`)], { encoding: "utf8" });
    return fact.parse({ exitCode: status ?? -1, stdout, stderr });
  } finally {
    rmSync(root, { recursive: true });
  }
}

for (const [turn, shell] of SHELLS.entries()) describe(`under ${shell}`, { tags: turn === 0 ? [] : ["long"] }, () => {
  test.each(MARKS)("%s says that guests are %s's", (path, manager) => {
    expect(asked(shell, [path])).toEqual({ value: [manager], diagnostics: [] });
  });

  test("all are found beside each other, each once", () => {
    expect(asked(shell, MARKS.map(([path]) => path)).value).toEqual(["ganeti", "libvirt", "pacemaker", "xapi"]);
  });

  test("a host without any has none, and packages alone are none", () => {
    expect(asked(shell, [])).toEqual({ value: [], diagnostics: [] });
    expect(asked(shell, NONE)).toEqual({ value: [], diagnostics: [] });
  });
});
