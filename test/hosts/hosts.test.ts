import { ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runScript, type Host } from "../../src/edge/hosts/host.js";
import { openHost, type OpenOptions } from "../../src/edge/hosts/open-host.js";
import { ownerText } from "../../src/edge/hosts/socket-folder.js";
import { Turns } from "../../src/edge/hosts/turns.js";
import { isUnreachable } from "../../src/edge/hosts/trouble.js";
import { gatherHost } from "../../src/edge/run/gather.js";
import { connectionWith } from "../inventory/connection-with.js";

// ssh and sudo are stand-ins (bin/ beside this file): what they are given and what they say is what is tested.
const bin = fileURLToPath(new URL("./bin/", import.meta.url));
const env = { ...process.env };
let directory = "";
let hosts: Host[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hosts-"));
  Object.assign(process.env, {
    PATH: `${bin}:${env["PATH"] ?? ""}`, SSH_LOG: join(directory, "ssh"), SUDO_LOG: join(directory, "sudo"),
    SSH_PLAY: "", SUDO_PLAY: "", SSH_SHELL: "sh",
  });
});
afterEach(async () => {
  await Promise.all(hosts.map((host) => host.close()));
  hosts = [];
  // in place: os.tmpdir() looks at the real one
  for (const name of Object.keys(process.env)) if (!(name in env)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, env);
  rmSync(directory, { recursive: true });
});

function open(variables: Record<string, unknown> = {}, options: Partial<OpenOptions> = {}): Host {
  const { value } = connectionWith({ ansible_host: "192.0.2.7", ...variables });
  if (value === undefined) throw new Error("no connection");
  const host = openHost("dom0a", value, { interactive: false, ...options });
  hosts.push(host);
  return host;
}

const sshCalls = (): string[][] => readFileSync(join(directory, "ssh"), "utf8")
  .split("--end--\n").slice(0, -1).map((call) => call.split("\n").slice(0, -1));

// for longer than a test may take, and no longer than somebody takes what it prints
const GOES_ON = "echo 1; echo 2; echo 3; while sleep 1; do echo on; done";

const everywhere = [["ssh", {}], ["local", { ansible_connection: "local" }]] as const;

describe.each(everywhere)("%s", (_, variables) => {
  test.each(["sh", "bash", "dash"])("a command's output, words and exit code, with login shell %s", async (shell) => {
    process.env["SSH_SHELL"] = shell;
    const words = ["it's", "$HOME `id`", "a\nb", "", "-n", "\\", "ü*", '"'];
    const { value, diagnostics } = await open(variables).run(["sh", "-c", 'printf "%s|" "$@"; echo bad >&2; exit 7', "sh", ...words]);
    expect(diagnostics).toEqual([]);
    expect(value).toEqual({ exitCode: 7, stdout: `${words.join("|")}|`, stderr: "bad\n" });
  });

  test("a command's own 255 is no lost connection, its own 127 no missing ssh", async () => {
    const host = open(variables);
    expect((await host.run(["sh", "-c", "exit 255"])).value?.exitCode).toBe(255);
    expect((await host.run(["no-such-program-anywhere"])).value?.exitCode).toBe(127);
    expect((await host.run(["sh", "-c", "kill -TERM $$"])).value?.exitCode).toBe(143);
  });

  test("standard input is what is given, or empty", async () => {
    const host = open(variables);
    expect((await host.run(["cat"], { stdin: "a\n\u00fc" })).value?.stdout).toBe("a\n\u00fc");
    expect((await host.run(["cat"], { stdin: new Uint8Array([65, 66]) })).value?.stdout).toBe("AB");
    expect((await host.run(["cat"])).value?.stdout).toBe("");
    // a command that does not read it
    expect((await host.run(["true"], { stdin: "x".repeat(1 << 20) })).value?.exitCode).toBe(0);
  });

  test("a script has its arguments", async () => {
    const { value } = await runScript(open(variables), 'for word in "$@"; do\nprintf "[%s]" "$word"\ndone\n', ["a b", "-x"]);
    expect(value?.stdout).toBe("[a b][-x]");
  });

  test("lines are handed over as they come", async () => {
    const heard = join(directory, "heard");
    const lines: string[] = [];
    // the command goes on once its first line was heard: were the lines kept back until its end, there would be none
    const { value } = await open(variables).follow(["sh", "-c", 'echo one; until [ -e "$1" ]; do sleep 0.05; done; printf "two\\n\\nlast"', "sh", heard], (line) => {
      lines.push(line);
      if (line === "one") writeFileSync(heard, "");
    });
    expect(lines).toEqual(["one", "two", "", "last"]);
    expect(value).toMatchObject({ exitCode: 0, stdout: "" });
  });

  test("what the taker of lines throws comes out, and is no end of the command", async () => {
    const following = open(variables).follow(["sh", "-c", GOES_ON], () => { throw new TypeError("no line"); });
    await expect(following).rejects.toThrow("no line");
  });

  test("following ends when it is asked to", async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const { diagnostics } = await open(variables).follow(["sh", "-c", GOES_ON], (line) => {
      lines.push(line);
      if (lines.length === 3) stop.abort();
    }, stop.signal);
    expect(diagnostics).toEqual([]);
    expect(lines.slice(0, 3)).toEqual(["1", "2", "3"]);
  });

  test("a command that takes too long is given up", async () => {
    const { value, diagnostics } = await open(variables).run(["sleep", "30"], { timeoutMs: 300 });
    expect(value).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ code: "host-timeout", subject: { host: "dom0a" } });
  });

  describe("become", () => {
    const become = { ...variables, ansible_become: true };

    test("without a password", async () => {
      const { value } = await open(become).run(["sh", "-c", "cat; echo said >&2; exit 3"], { stdin: "in" });
      expect(value).toEqual({ exitCode: 3, stdout: "in", stderr: "said\n" });
      expect(readFileSync(join(directory, "sudo"), "utf8")).toMatch(/^-n\n-u\nroot\n--\n/);
    });

    test.each(["password", ""])("with a password, whether or not sudo wants it (%s)", async (play) => {
      process.env["SUDO_PLAY"] = play;
      let asked = 0;
      const host = open(become, {
        askBecomePassword: () => {
          asked += 1;
          return Promise.resolve('p@ss "word');
        },
      });
      const [one, two] = await Promise.all([
        host.run(["sh", "-c", "cat; exit 4"], { stdin: "line\nconverge-input\nmore" }), host.run(["cat"]),
      ]);
      expect(one.value).toEqual({ exitCode: 4, stdout: "line\nconverge-input\nmore", stderr: "" });
      expect(two.value).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect(asked).toBe(1);
      const logs = ["sudo", "ssh"].map((name) => join(directory, name)).filter((file) => existsSync(file));
      expect(logs.map((file) => readFileSync(file, "utf8")).join("")).not.toContain("word");
    });

    test.each([
      ["password", undefined, "become-refused", "sudo wants a password"],
      ["password", "wrong", "become-refused", "sudo refuses the password"],
      ["forbidden", undefined, "become-refused", "sudo does not let this user become root"],
    ])("%s, given %s", async (play, password, code, summary) => {
      process.env["SUDO_PLAY"] = play;
      const host = open({ ...become, ...(password === undefined ? {} : { ansible_become_password: password }) });
      const { value, diagnostics } = await host.run(["true"]);
      expect(value).toBeUndefined();
      expect(diagnostics[0]).toMatchObject({ code, summary, severity: "error" });
      expect(diagnostics[0]?.fix).toBeDefined();
    });

    test("can be left out for one command", async () => {
      await open(become).run(["true"], { become: false });
      expect(existsSync(join(directory, "sudo"))).toBe(false);
    });
  });
});

describe("ssh", () => {
  test("one connection, shared; its directory is private, short and removed", async () => {
    const host = open({
      ansible_port: 2222, ansible_user: "jk", ansible_ssh_private_key_file: "/k/id", ansible_ssh_common_args: "-o ConnectTimeout=2",
    });
    await host.run(["true"]);
    await host.run(["true"]);
    const [master = [], ...commands] = sshCalls();
    expect(master.slice(0, 4)).toEqual(["-M", "-N", "-f", "-T"]);
    expect(commands).toHaveLength(2);
    const path = master.find((word) => word.startsWith("ControlPath="))?.slice("ControlPath=".length) ?? "";
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(path.replace("%C", "c".repeat(40)).length + 18).toBeLessThan(104);
    for (const call of commands) {
      expect(call).toContain(`ControlPath=${path}`);
      expect(call).toContain("ControlMaster=no");
    }
    const text = master.join(" ");
    expect(text).toContain("-p 2222 -l jk -i /k/id -o ConnectTimeout=2 -o BatchMode=yes -o ConnectTimeout=10");
    expect(master.slice(-2)).toEqual(["--", "192.0.2.7"]);
    await host.close();
    await host.close();
    expect(sshCalls().at(-1)?.slice(0, 2)).toEqual(["-O", "exit"]);
    expect(existsSync(dirname(path))).toBe(false);
  });

  test.each(["100 %", "a folder", "ü"])("its directory is one that ssh takes as it is, whatever TMPDIR is called (%s)", async (name) => {
    const own = join(directory, name);
    mkdirSync(own);
    process.env["TMPDIR"] = own;
    const host = open();
    expect((await host.run(["echo", "1"])).value?.stdout).toBe("1\n");
    expect(sshCalls()[0]?.find((word) => word.startsWith("ControlPath="))).toMatch(/^ControlPath=\/tmp\/cvg-\w+\/%C$/);
  });

  test("folders that killed processes have left go with the next connection, and none that may be in use", async () => {
    // with a short name, wherever the tests' own lies: a socket's path has to fit in
    const parent = mkdtempSync("/tmp/cvgt-");
    process.env["TMPDIR"] = parent;
    const folder = (name: string, owner?: string): string => {
      const path = join(parent, name);
      mkdirSync(path, { mode: 0o700 });
      if (owner !== undefined) symlinkSync(owner, join(path, "owner"));
      return path;
    };
    const listen = async (path: string): Promise<Server> => {
      const server = createServer().listen(path);
      await once(server, "listening");
      return server;
    };
    const killed = spawn("sleep", ["3600"]);
    const living = spawn("sleep", ["3600"]);
    await Promise.all([once(killed, "spawn"), once(living, "spawn")]);
    const over = await ownerText(killed.pid ?? 0);
    const lives = await ownerText(living.pid ?? 0);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    const elsewhere = over.replace(/^\S+/, "another-boot/pid:[1]");
    const old = new Date(Date.now() - 25 * 3600 * 1000);

    folder("cvg-killed", over);
    // its ssh was killed as well
    const stale = await listen(join(folder("cvg-stale0", over), "s"));
    renameSync(join(parent, "cvg-stale0/s"), join(parent, "cvg-stale0/socket"));
    stale.close();
    // the number was given out again
    folder("cvg-reused", lives.replace(/\d+$/, "1"));
    utimesSync(folder("cvg-nobody"), old, old);
    utimesSync(folder("cvg-away00", elsewhere), old, old);
    const gone = readdirSync(process.env["TMPDIR"]);

    folder("cvg-lives0", lives);
    folder("cvg-making");
    folder("cvg-away01", elsewhere);
    const shared = folder("cvg-away02", elsewhere);
    const ssh = [await listen(join(folder("cvg-listen", over), "socket")), await listen(join(shared, "socket"))];
    utimesSync(shared, old, old);
    writeFileSync(join(folder("cvg-hasfil", over), "file"), "");
    chmodSync(folder("cvg-others", over), 0o755);
    folder("cvg-longer-name", over);
    folder("abc-killed", over);
    const aside = join(directory, "aside");
    mkdirSync(aside, { mode: 0o700 });
    symlinkSync(over, join(aside, "owner"));
    symlinkSync(aside, join(parent, "cvg-linked"));
    const foreign = folder("cvg-foreig");
    writeFileSync(join(foreign, "owner"), "somebody else's");
    utimesSync(foreign, old, old);
    const stays = readdirSync(process.env["TMPDIR"]).filter((name) => !gone.includes(name));

    const host = open();
    expect((await host.run(["echo", "1"])).value?.stdout).toBe("1\n");
    const mine = sshCalls()[0]?.find((word) => word.startsWith("ControlPath="))?.split("/").at(-2) ?? "";
    expect(readdirSync(process.env["TMPDIR"]).sort()).toEqual([...stays, mine].sort());
    expect(readdirSync(aside)).toEqual(["owner"]);
    await host.close();
    expect(readdirSync(process.env["TMPDIR"]).sort()).toEqual(stays.sort());
    ssh.forEach((server) => { server.close(); });
    living.kill();
    rmSync(parent, { recursive: true });
  });

  test("waits as long as the inventory says", async () => {
    await open({ ansible_timeout: 3 }).run(["true"]);
    expect(sshCalls()[0]).toContain("ConnectTimeout=3");
  });

  test("may ask only where somebody is there", async () => {
    await open({}, { interactive: true }).run(["true"]);
    expect(sshCalls()[0]).not.toContain("BatchMode=yes");
  });

  describe("with several hosts and a terminal", () => {
    const several = (tell: (name: string) => void = () => undefined): Host[] => {
      const turns = new Turns(tell);
      return Array.from({ length: 3 }, () => open({}, { interactive: true, turns }));
    };
    const masters = (): string[][] => sshCalls().filter(([first]) => first === "-M");

    test("nobody is asked about a host that lets us in without, and all connect at the same time", async () => {
      const told: string[] = [];
      for (const { value } of await Promise.all(several((name) => told.push(name)).map((host) => host.run(["true"])))) expect(value?.exitCode).toBe(0);
      expect(masters().map((call) => call.includes("BatchMode=yes"))).toEqual([true, true, true]);
      expect(told).toEqual([]);
    });

    test("the others ask one after another, and it is said for which", async () => {
      process.env["SSH_PLAY"] = "asks";
      const told: string[] = [];
      for (const { value } of await Promise.all(several((name) => told.push(name)).map((host) => host.run(["true"])))) expect(value?.exitCode).toBe(0);
      expect(masters().filter((call) => !call.includes("BatchMode=yes"))).toHaveLength(3);
      expect(readFileSync(join(directory, "ssh.asked"), "utf8").trim().split("\n")).toEqual(["asked", "answered", "asked", "answered", "asked", "answered"]);
      expect(told).toEqual(["dom0a", "dom0a", "dom0a"]);
    });

    test("no answer helps against any other trouble", async () => {
      process.env["SSH_PLAY"] = "refuse:Connection refused";
      const [host] = several();
      expect((await host?.run(["true"]))?.diagnostics[0]?.code).toBe("host-unreachable");
      expect(masters()).toHaveLength(1);
    });

    test("who waits for a turn does not ask any more once it is closed", async () => {
      process.env["SSH_PLAY"] = "unanswered";
      const [first, second] = several();
      if (first === undefined || second === undefined) throw new Error("no hosts");
      const ran = [first, second].map((host) => host.run(["true"]));
      await vi.waitFor(() => { expect(masters()).toHaveLength(3); }, 60_000);
      await Promise.all([second.close(), first.close()]);
      const codes = (await Promise.all(ran)).map(({ diagnostics }) => diagnostics[0]?.code);
      // what was said before there was a question
      expect(codes).toEqual(["ssh-auth", "ssh-auth"]);
      expect(masters()).toHaveLength(3);
    });
  });

  test("where ssh may ask, it asks again once the connection is gone, and no command is lost for it", async () => {
    const host = open({}, { interactive: true });
    await host.run(["true"]);
    process.env["SSH_PLAY"] = "gone";
    expect((await host.run(["echo", "1"])).value?.stdout).toBe("1\n");
    expect(sshCalls().filter(([first]) => first === "-M")).toHaveLength(2);
  });

  test("where it may not, that is what is said of a login that was not accepted", async () => {
    process.env["SSH_PLAY"] = "refuse:Permission denied (publickey).";
    const words = "no terminal on which ssh could ask";
    expect((await open().run(["true"])).diagnostics[0]?.fix).toContain(words);
    expect((await open({}, { interactive: true }).run(["true"])).diagnostics[0]?.fix).not.toContain(words);
  });

  test("a jump host that stays does not hold it up", async () => {
    process.env["SSH_PLAY"] = "lingers";
    expect((await open().run(["echo", "1"])).value?.stdout).toBe("1\n");
    expect(existsSync(join(directory, "ssh.left")), "the jump host is still there").toBe(false);
  });

  test.each([[false], [true]])("Ctrl-C on the terminal reaches neither the connection nor what it goes through (ssh may ask: %s)", async (interactive) => {
    process.env["SSH_PLAY"] = "interrupted";
    expect((await open({}, { interactive }).run(["echo", "1"])).value?.stdout).toBe("1\n");
    expect(readFileSync(join(directory, "ssh.jump"), "utf8")).toBe("whole\n");
  });

  test("who leaves does not wait until it is connected", async () => {
    process.env["SSH_PLAY"] = "hangs";
    const leave = new AbortController();
    // who waits for it waits for longer than a test may take
    const following = open({ ansible_timeout: 3600 }, { interactive: true }).follow(["true"], () => undefined, leave.signal);
    await vi.waitFor(() => { expect(sshCalls()).toHaveLength(1); }, 60_000);
    leave.abort();
    expect((await following).diagnostics).toEqual([]);
  });

  test.each([
    ["Host key verification failed.", "host-key"],
    ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "host-key"],
    ["jk@192.0.2.7: Permission denied (publickey).", "ssh-auth"],
    ["ssh: Could not resolve hostname dom0a: Name or service not known", "host-unresolved"],
    ["ssh: connect to host 192.0.2.7 port 22: Connection refused", "host-unreachable"],
    ["ssh: connect to host 192.0.2.7 port 22: Connection timed out", "host-unreachable"],
    ["/root/.ssh/config: line 1: Bad configuration option: nonsense", "ssh-config"],
    ["Unable to negotiate with 192.0.2.7 port 22: no matching host key type found.", "ssh-negotiation"],
    ["something new", "host-unreachable"],
  ])("%s", async (said, code) => {
    process.env["SSH_PLAY"] = `refuse:${said}`;
    const { value, diagnostics } = await open().run(["true"]);
    expect(value).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    const [trouble] = diagnostics;
    expect(trouble).toMatchObject({ code, severity: "error", subject: { host: "dom0a" } });
    expect(trouble?.fix).toBeDefined();
    expect(trouble?.detail).toContain(said.split("\n").at(-1));
    expect(trouble && isUnreachable(trouble)).toBe(true);
  });

  test("what ssh says last is waited for, though it is over", async () => {
    process.env["SSH_PLAY"] = "late";
    expect((await open().run(["true"])).diagnostics[0]?.code).toBe("ssh-auth");
  });

  test.each(["cut", "silent"])("a connection that breaks (%s) is told from a command that fails", async (play) => {
    process.env["SSH_PLAY"] = play;
    const { value, diagnostics } = await open().run(["echo", "1"]);
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.code).toBe("connection-lost");
  });

  test("an attempt to connect is not waited for when it is closed, and leaves nothing behind", async () => {
    process.env["SSH_PLAY"] = "hangs";
    const host = open({ ansible_timeout: 3600 });
    const running = host.run(["true"]);
    await vi.waitFor(() => { expect(sshCalls()).toHaveLength(1); }, 60_000);
    await host.close();
    expect((await running).value).toBeUndefined();
    const path = sshCalls().flat().find((word) => word.startsWith("ControlPath="))?.slice("ControlPath=".length) ?? "";
    expect(existsSync(dirname(path))).toBe(false);
  });

  test("a line that a cut leaves half of is not handed over", async () => {
    const lines: string[] = [];
    const host = open();
    process.env["SSH_PLAY"] = "torn";
    const { diagnostics } = await host.follow(["true"], (line) => lines.push(line));
    expect(diagnostics[0]?.code).toBe("connection-lost");
    process.env["SSH_PLAY"] = "";
    await host.follow(["printf", "half\nlast"], (line) => lines.push(line));
    expect(lines).toEqual(["whole", "half", "last"]);
  });

  test("a host that refuses for a while after a cut is reached again, and leaves nothing behind", async () => {
    const host = open();
    const codes: (string | undefined)[] = [];
    for (const play of ["cut", "refuse:Connection refused", "refuse:Connection timed out", ""]) {
      process.env["SSH_PLAY"] = play;
      codes.push((await host.run(["echo", "1"])).diagnostics[0]?.code);
    }
    expect(codes).toEqual(["connection-lost", "host-unreachable", "host-unreachable", undefined]);
    const directories = new Set(sshCalls().flat().flatMap((word) => /^ControlPath=(.*)\/%C$/.exec(word)?.[1] ?? []));
    expect(directories.size).toBe(4);
    expect([...directories].map((path) => existsSync(path))).toEqual([false, false, false, true]);
  });

  test("what login shells say on standard error stays apart from the exit code", async () => {
    process.env["SSH_PLAY"] = "noisy";
    const { value } = await open().run(["sh", "-c", "echo own >&2; exit 9"]);
    expect(value?.exitCode).toBe(9);
    expect(value?.stderr).toContain("own\n");
    expect(value?.stderr).not.toContain("converge-exit");
  });

  test("ssh that is not there is told", async () => {
    const { value, diagnostics } = await open({}, { program: "/no/ssh" }).run(["true"]);
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.code).toBe("ssh-missing");
  });
});

describe("a machine that lacks what it takes to reach a host", () => {
  const trouble = { code: "controller-trouble", severity: "error", subject: { host: "dom0a" } };

  test("no folder for the socket is told, and the next command finds it again", async () => {
    const host = open();
    process.env["TMPDIR"] = join(directory, "gone");
    const { value, diagnostics: [first] } = await host.run(["true"]);
    expect(value).toBeUndefined();
    expect(first).toMatchObject(trouble);
    expect(first?.summary).toContain("gone");
    expect(first && isUnreachable(first)).toBe(true);
    process.env["TMPDIR"] = directory;
    expect((await host.run(["echo", "1"])).value?.stdout).toBe("1\n");
  });

  /** As many files are open from now on as may be, until the end. */
  async function full(): Promise<{ readonly end: () => Promise<void> }> {
    const child = spawn("sh", ["-c", `
      limit=$(prlimit --pid "$1" --nofile --output SOFT --noheadings | tr -d ' ')
      prlimit --pid "$1" --nofile=3: && echo full && read -r line
      prlimit --pid "$1" --nofile="$limit:" && echo over
    `, "sh", String(process.pid)], { stdio: ["pipe", "pipe", "inherit"] });
    const said = async (word: string): Promise<void> => {
      // who may not set the limit, or has no prlimit, hears so at once
      const [chunk] = await Promise.race([once(child.stdout, "data"), once(child, "close")]) as [unknown];
      expect(String(chunk)).toBe(`${word}\n`);
    };
    await said("full");
    let over: Promise<void> | undefined;
    return { end: () => {
      if (over === undefined) child.stdin.write("\n");
      return (over ??= said("over"));
    } };
  }

  /** Meanwhile, while time goes as it is told; `end` lets files be opened again before that. */
  async function whileFull(work: (end: () => Promise<void>) => Promise<void>): Promise<void> {
    const { end } = await full();
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      await work(end);
    } finally {
      vi.useRealTimers();
      await end();
    }
  }

  test.each(everywhere)("a command waits until files can be opened again (%s)", async (_, variables) => {
    const host = open(variables);
    await whileFull(async (end) => {
      const running = Promise.all([host.run(["echo", "1"]), host.run(["echo", "2"])]);
      await vi.advanceTimersByTimeAsync(300);
      await end();
      await vi.advanceTimersByTimeAsync(300);
      expect((await running).map(({ value }) => value?.stdout)).toEqual(["1\n", "2\n"]);
    });
  });

  test.each(everywhere)("where that takes too long it is told, and ends nothing else (%s)", async (_, variables) => {
    const host = open(variables);
    await host.run(["true"]);
    await whileFull(async () => {
      const running = host.run(["echo", "1"]);
      await vi.advanceTimersByTimeAsync(40_000);
      expect((await running).diagnostics).toMatchObject([trouble]);
    });
    expect((await host.run(["echo", "1"])).value?.stdout).toBe("1\n");
  });

  test("a connection that is there is kept where nobody could ask after it", async () => {
    const host = open({}, { interactive: true });
    await host.run(["true"]);
    await whileFull(async (end) => {
      const running = host.run(["echo", "1"]);
      // for longer than one waits to ask, and not for as long as a command waits
      await vi.advanceTimersByTimeAsync(10_000);
      await end();
      await vi.advanceTimersByTimeAsync(10_000);
      expect((await running).value?.stdout).toBe("1\n");
    });
    expect(sshCalls().filter((words) => words.includes("-M"))).toHaveLength(1);
    expect(sshCalls().filter((words) => words.includes("exit"))).toEqual([]);
  });

  test.each(everywhere)("where there is no memory to start anything in it is told, and hangs nowhere (%s)", async (_, variables) => {
    const host = open(variables);
    const starts = vi.spyOn(ChildProcess.prototype as unknown as { spawn: () => number }, "spawn");
    starts.mockImplementation(() => { throw Object.assign(new Error("spawn ENOMEM"), { code: "ENOMEM" }); });
    try {
      expect((await host.run(["true"])).diagnostics).toMatchObject([{ ...trouble, summary: expect.stringContaining("no memory") as unknown }]);
    } finally {
      starts.mockRestore();
    }
    expect((await host.run(["echo", "1"])).value?.stdout).toBe("1\n");
  });
});

describe("a recorded host", () => {
  const recording = fileURLToPath(new URL("../observe/recorded/lab-web1-running.json", import.meta.url));

  test("is gathered under the inventory's name", async () => {
    const { value, diagnostics } = await gatherHost(open({ ansible_connection: "recorded", converge_facts: recording }));
    expect(diagnostics).toEqual([]);
    expect(value?.state.host.name).toBe("dom0a");
    expect(Object.keys(value?.state.domains ?? {})).toContain("web1");
  });

  test("does nothing", async () => {
    const host = open({ ansible_connection: "recorded", converge_facts: recording });
    for (const refused of [await host.run(["true"]), await host.follow(["true"], () => undefined)]) {
      expect(refused.value).toBeUndefined();
      expect(refused.diagnostics[0]?.code).toBe("host-recorded");
    }
  });

  test("needs its file", async () => {
    const { value, diagnostics } = await gatherHost(open({ ansible_connection: "recorded", converge_facts: "/no/file" }));
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.code).toBe("recording-missing");
  });
});

describe("gathering over ssh", () => {
  const stub = (name: string, text: string): void => {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(directory, name), 0o755);
  };

  test("takes two round trips, and notices what is no Dom0", async () => {
    const { value, diagnostics } = await gatherHost(open());
    expect(value).toBeUndefined();
    expect(diagnostics.map(({ code }) => code)).toContain("no-dom0");
    expect(sshCalls().length).toBeLessThanOrEqual(3);
  });

  test("asks about the disks that guests name", async () => {
    const image = join(directory, "disk image.img");
    writeFileSync(image, Buffer.alloc(100_000, 7));
    process.env["PATH"] = `${directory}:${process.env["PATH"] ?? ""}`;
    stub("xl", `
case "$*" in
  info) printf 'xen_version : 4.17.5\\ntotal_memory : 1000\\nfree_memory : 100\\n' ;;
  'list -v') printf 'Name ID Mem VCPUs State Time(s) UUID\\nweb1  1  128 1 -b---- 1.0 5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11\\n' ;;
esac`);
    stub("xenstore-ls", `echo '/local/domain/0/backend/vbd/1/51712/params = "${image}"'`);
    stub("losetup", "echo '{\"loopdevices\":[]}'");
    const { value, diagnostics } = await gatherHost(open());
    // what xl stored lies in a directory that no stub stands in for
    expect(diagnostics.map(({ code }) => code)).toEqual(["stored-config-missing"]);
    expect(value?.state.images[image]).toMatchObject({ bytes: 100_000, format: "raw", content: { type: "unknown" } });
    expect(value?.state.domains["web1"]?.running?.attached[0]?.params).toBe(image);
    expect(sshCalls()).toHaveLength(3);
  });

  test("a shell that says nothing is told", async () => {
    process.env["SSH_SHELL"] = "true";
    const { value, diagnostics } = await gatherHost(open());
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.severity).toBe("error");
  });
});
