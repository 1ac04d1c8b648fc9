import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { BARE, PLAIN, UNCLEAR, USUAL } from "../support/xendomains-settings.js";
import { SCRATCH, SHELLS, StubHost, byTurns, evaluate } from "./host.js";
import { mirrorProgram } from "./mirror.js";

const CLEAR = [...PLAIN.map((text) => text.replaceAll("DIR", "/else where")), ...BARE.map((text) => text.replaceAll("DIR", "/elsewhere"))];
const OTHERS = [...USUAL, ...UNCLEAR, "# XENDOMAINS_SAVE=DIR", "XENDOMAINS_SAVED=DIR"].map((text) => text.replaceAll("DIR", "/elsewhere"));

describe.concurrent("where xendomains saves guests", { tags: "long" }, () => {
  for (const shell of SHELLS) it(`is read from its settings, under ${shell}`, byTurns(1, shell), async () => {
    const root = mkdtempSync(join(SCRATCH, "converge saved-"));
    try {
      for (const folder of ["else where", "elsewhere", "var/lib/xen/save", "etc/default"]) mkdirSync(join(root, folder), { recursive: true });
      for (const folder of ["else where", "elsewhere"]) writeFileSync(join(root, folder, "web1"), "memory");
      const settings = [...CLEAR, ...OTHERS];
      // the last line without its end, as somebody may have written it
      for (const [index, text] of settings.entries()) writeFileSync(join(root, `settings-${String(index)}`), `# what is set here\n${text}`);
      const { stdout, stderr } = await evaluate(
        shell,
        `${RUNTIME.replace("HERE=$(cd", `HERE='${root}' # $(cd`).replace("ROOT=${CONVERGE_ROOT:-}", `ROOT='${root}'`)}
number=0
while [ "$number" -lt ${String(settings.length)} ]; do
  cp "$ROOT/settings-$number" "$ROOT/etc/default/xendomains"
  if find_saved web1; then echo "\${SAVED#"$ROOT"}"; else echo "none: \${SAVED#"$ROOT"}"; fi
  number=$((number + 1))
done
: >"$ROOT/var/lib/xen/save/web1"
echo XENDOMAINS_SAVE=/elsewhere >"$ROOT/etc/default/xendomains"
find_saved web1 && echo "\${SAVED#"$ROOT"}"
find_saved web2 || echo "none: \${SAVED#"$ROOT"}"
find_saved ../web1 || echo none`,
      );
      expect(stdout.split("\n").slice(0, -1), stderr).toEqual([
        ...CLEAR.map((text) => /\/else ?where\/?/.exec(text.slice(text.lastIndexOf("SAVE=")))?.[0]),
        ...OTHERS.map(() => "none: /var/lib/xen/save"),
        // saved before it was set
        "/var/lib/xen/save", "none: /elsewhere", "none",
      ]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  for (const shell of SHELLS) it(`is heeded at boot: a guest that is saved there is left to it, under ${shell}`, byTurns(2, shell), async () => {
    const host = new StubHost(shell);
    try {
      const settings = join(host.root, "etc/default/xendomains");
      mkdirSync(dirname(settings), { recursive: true });
      writeFileSync(settings, 'XENDOMAINS_SAVE="/srv/saved guests"\n');
      host.install(mirrorProgram(host, "restart", "dm"));
      const before = readFileSync(host.config, "utf8");
      host.tell("kill-after", "dmsetup resume converge-web1-xvda1 ");
      await host.run("run");
      mkdirSync(join(host.root, "srv/saved guests"));
      writeFileSync(join(host.root, "srv/saved guests/web1"), "memory");
      host.forget();
      host.untell("kill-after");
      await host.run("recover");
      expect(host.journalText()).toContain("converge-web1-xvda1 is there again");
      expect(host.journalText()).toContain("web1 was saved by xendomains, which brings it back: it is not started here");
      expect(host.guests()).toEqual([]);
      expect(readFileSync(join(host.state, "dm/converge-web1-xvda1/table"), "utf8"), "what it was saved on").toMatch(/ linear 7:/);
      expect(readFileSync(host.config, "utf8")).toBe(before);
    } finally {
      host.remove();
    }
  });
});
