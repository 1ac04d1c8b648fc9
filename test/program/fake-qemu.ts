import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { StubHost } from "./host.js";
import { patient } from "./patience.js";

interface FakeNode {
  readonly path: string;
  readonly driver: string;
  readonly bytes: number;
}

interface FakeJob {
  status: "running" | "ready" | "pending" | "concluded";
  readonly source: string;
  readonly target: string;
  progress: number;
  error?: string;
}

interface Command {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/**
 * From one command on it says nothing any more in that conversation. `deaf`: it has not heard that command either; `mute`: it has
 * done it; `late`: it has done it, and says so after `milliseconds`, as whatever else it was asked by then. `nth` counts those of
 * its name since the commit was begun; without it the first of all is meant. Conversations that are begun within `milliseconds`
 * from then on are answered after that, but for `late`.
 */
export interface Silence {
  readonly at: string;
  readonly how: "deaf" | "mute" | "late";
  readonly nth?: number;
  readonly milliseconds?: number;
}

const CHANGES = new Set(["blockdev-add", "blockdev-mirror", "job-complete", "job-finalize", "job-dismiss", "job-cancel", "blockdev-del"]);

/**
 * The QEMU of the stub host's guest, as far as a mirror needs it: QMP on its socket, kept in memory, so that it goes on
 * when the program is killed. What changes something counts as a call, at which a test may kill the program.
 */
export class FakeQemu {
  readonly nodes = new Map<string, FakeNode>();
  readonly jobs = new Map<string, FakeJob>();
  /** The node that each of the guest's disks is served from. */
  readonly disks = new Map<string, string>();
  /** What the test wants of it: an error of the job in mid-mirror, right before it is completed, or when it is finalised; or of QEMU itself, once, after it went over. */
  failure: "mirror" | "complete" | "finalize" | "dismiss" | undefined;
  /** The one job that fails, where it is not all of them. */
  failing: string | undefined;
  silence: Silence | undefined;
  /** What it was told, by the times that somebody waited for its answer. */
  readonly heard: string[][] = [];
  /** Called at each command that changes something. */
  watch: (() => void) | undefined;
  readonly #host: StubHost;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #domid: string;
  #heard = 0;
  #silentUntil = 0;

  private constructor(host: StubHost, server: Server, images: readonly string[], vdevs: readonly string[]) {
    this.#host = host;
    this.#server = server;
    [this.#domid = ""] = readdirSync(join(host.state, "doms"));
    for (const [index, path] of images.entries()) {
      const vdev = vdevs[index] ?? "";
      this.nodes.set(`${vdev}-raw`, { path, driver: "raw", bytes: 4096 });
      this.disks.set(vdev, `${vdev}-raw`);
    }
    server.on("connection", (socket) => {
      this.#converse(socket);
    });
  }

  static async start(
    host: StubHost, images: readonly string[] = [host.image], vdevs: readonly string[] = images.map((_, index) => `xvda${String(index + 1)}`),
  ): Promise<FakeQemu> {
    const server = createServer();
    const fake = new FakeQemu(host, server, images, vdevs);
    mkdirSync(join(host.root, "var/run/xen"), { recursive: true });
    const disks = images.map((path, index) => ({ pdev_path: path, vdev: vdevs[index], backend: "qdisk", format: "raw" }));
    writeFileSync(fake.stored, `${JSON.stringify({ disks })}\n\0`);
    await new Promise<void>((resolve) => server.listen(fake.#socket, resolve));
    return fake;
  }

  get stored(): string {
    return join(this.#host.root, `var/lib/xen/userdata-d.${this.#domid}.uuid-of-it.libxl-json`);
  }

  /** libxl's own lock around that file. */
  get lock(): string {
    return this.stored.replace("userdata-d.", "userdata-l.").replace(".libxl-json", ".domain-userdata-lock");
  }

  get #socket(): string {
    return join(this.#host.root, `var/run/xen/qmp-libxenstat-${this.#domid}`);
  }

  /** The disks that libxl would start the guest with. */
  get storedDisks(): readonly string[] {
    const read = JSON.parse(readFileSync(this.stored, "utf8").replaceAll("\0", "")) as { disks: { pdev_path: string }[] };
    return read.disks.map(({ pdev_path: path }) => path);
  }

  get storedDisk(): string {
    return this.storedDisks[0] ?? "";
  }

  /** What the guest's writes go to, by its disks. */
  get servesAll(): readonly string[] {
    return [...this.disks.values()].map((node) => this.nodes.get(node)?.path ?? "nothing");
  }

  get serves(): string {
    return this.servesAll[0] ?? "nothing";
  }

  /** It answers again, whoever begins to talk to it from here on. */
  speak(): void {
    this.#silentUntil = 0;
  }

  /** The guest, and its QEMU with it, is gone. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => {
      resolve();
    }));
    rmSync(this.#socket, { force: true });
  }

  #converse(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    let received = "";
    let silent = false;
    let unsaid: string[] | undefined;
    const greet = (): void => {
      socket.write('{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}\r\n');
    };
    const wait = this.#silentUntil - Date.now();
    if (wait > 0) setTimeout(greet, wait);
    else greet();
    socket.on("data", (data) => {
      const together: string[] = [];
      this.heard.push(together);
      received += data.toString("utf8");
      for (let end = received.indexOf("\n"); end !== -1; end = received.indexOf("\n")) {
        const line = received.slice(0, end);
        received = received.slice(end + 1);
        if (silent) continue;
        const command = JSON.parse(line) as Command;
        together.push(command.execute);
        const late = patient(this.silence?.milliseconds ?? 0);
        const how = this.#fallsSilent(command);
        if (how === "late") {
          unsaid = [];
          setTimeout(() => {
            socket.write(unsaid?.join("") ?? "");
            unsaid = undefined;
          }, late);
        } else if (how !== undefined) {
          silent = true;
        }
        if (how === "deaf") continue;
        const answer = this.#call(command);
        if (silent) continue;
        // an event in between, which nobody asked for
        const said = `{"event": "JOB_STATUS_CHANGE", "data": {}}\r\n${JSON.stringify(answer)}\r\n`;
        if (unsaid === undefined) socket.write(said);
        else unsaid.push(said);
      }
    });
  }

  #fallsSilent({ execute }: Command): Silence["how"] | undefined {
    const { silence } = this;
    if (silence?.at !== execute) return undefined;
    if (silence.nth !== undefined && !this.#host.committing()) return undefined;
    this.#heard += 1;
    if (this.#heard < (silence.nth ?? 1)) return undefined;
    this.silence = undefined;
    if (silence.how !== "late") this.#silentUntil = Date.now() + patient(silence.milliseconds ?? 0);
    return silence.how;
  }

  #call(command: Command): unknown {
    if (!CHANGES.has(command.execute)) return this.#answer(command);
    const { state } = this.#host;
    const calls = join(state, "calls");
    appendFileSync(calls, `qmp ${command.execute} ${JSON.stringify(command.arguments)}\n`);
    const number = String(readFileSync(calls, "utf8").split("\n").length - 1);
    // the stubs count on from there
    writeFileSync(join(state, "calls-made"), `${number}\n`);
    if (this.#told("kill-before", number)) {
      this.#kill();
      return { error: { class: "GenericError", desc: "nobody hears this" } };
    }
    const answer = this.#answer(command);
    // for the stubs: nothing may be compared unless it is at rest
    writeFileSync(join(state, "job-status"), `${[...this.jobs.values()][0]?.status ?? ""}\n`);
    this.watch?.();
    if (this.#told("kill-after", number)) this.#kill();
    return answer;
  }

  #told(what: string, number: string): boolean {
    const path = join(this.#host.state, what);
    if (!existsSync(path) || readFileSync(path, "utf8").trim() !== number) return false;
    rmSync(path);
    return true;
  }

  #kill(): void {
    process.kill(-Number(readFileSync(join(this.#host.state, "group"), "utf8")), "SIGKILL");
  }

  #answer({ execute, arguments: args = {} }: Command): unknown {
    const done = (value: unknown = {}): unknown => ({ return: value });
    const refused = (desc: string): unknown => ({ error: { class: "GenericError", desc } });
    const named = args["id"] ?? args["job-id"];
    const id = typeof named === "string" ? named : "";
    const job = this.jobs.get(id);
    switch (execute) {
      case "qmp_capabilities":
        return done();
      case "query-block":
        return done([...this.disks].map(([vdev, node]) => ({ device: "", qdev: `/machine/unattached/${vdev}`, inserted: this.#node(node) })));
      case "qom-get":
        // a whole disk is partition 0 (hw/block/xen-block.c, xen_block_get_vdev; seen with QEMU 7.2)
        return done(String(args["path"]).replace("/machine/unattached/", "").replace(/[a-z]$/, "$&0"));
      case "query-named-block-nodes":
        return done([...this.nodes.keys()].map((name) => this.#node(name)));
      case "query-jobs":
        return done([...this.jobs].map(([name, found]) => this.#job(name, found)));
      case "blockdev-add": {
        const name = String(args["node-name"]);
        if (this.nodes.has(name)) return refused("Duplicate nodes with node-name");
        this.nodes.set(name, { path: (args["file"] as { filename: string }).filename, driver: "raw", bytes: Number(args["size"]) });
        return done();
      }
      case "blockdev-mirror": {
        const [source, target] = [String(args["device"]), String(args["target"])];
        if (!this.nodes.has(source) || !this.nodes.has(target) || job !== undefined) return refused("Cannot find device");
        this.jobs.set(id, { status: "running", source, target, progress: 0 });
        return done();
      }
      case "job-complete":
        if (job !== undefined && this.#fails("complete", id)) {
          job.status = "concluded";
          job.error = "Input/output error";
        }
        if (job?.status !== "ready") return refused("Job cannot accept command verb 'complete'");
        job.status = "pending";
        return done();
      case "job-finalize":
        if (job?.status !== "pending") return refused("Job cannot accept command verb 'finalize'");
        job.status = "concluded";
        if (this.#fails("finalize", id)) job.error = "Input/output error";
        else for (const [vdev, node] of this.disks) if (node === job.source) this.disks.set(vdev, job.target);
        return done();
      case "job-cancel":
        if (job === undefined) return refused("Job not found");
        job.status = "concluded";
        job.error = "Operation canceled";
        return done();
      case "job-dismiss":
        if (job?.status !== "concluded") return refused("Job not found");
        if (this.failure === "dismiss") {
          this.failure = undefined;
          return refused("Out of memory");
        }
        this.jobs.delete(id);
        return done();
      case "blockdev-del": {
        const name = String(args["node-name"]);
        if ([...this.disks.values()].includes(name) || [...this.jobs.values()].some((found) => found.target === name)) return refused(`Node ${name} is in use`);
        return this.nodes.delete(name) ? done() : refused("Failed to find node");
      }
      default:
        return { error: { class: "CommandNotFound", desc: `The command ${execute} has not been found` } };
    }
  }

  #fails(how: "mirror" | "complete" | "finalize", id: string): boolean {
    return this.failure === how && (this.failing ?? id) === id;
  }

  #job(id: string, job: FakeJob): unknown {
    // a quarter further at each look
    if (job.status === "running") {
      job.progress += 1024;
      if (this.#fails("mirror", id) && job.progress > 2048) {
        job.status = "concluded";
        job.error = "Input/output error";
      } else if (job.progress >= 4096) job.status = "ready";
    }
    return {
      id, type: "mirror", status: job.status, "current-progress": job.progress, "total-progress": 4096,
      ...(job.error === undefined ? {} : { error: job.error }),
    };
  }

  #node(name: string): unknown {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    const file = node.path.startsWith(join(this.#host.root, "dev"))
      ? `json:${JSON.stringify({ driver: "raw", size: node.bytes, file: { driver: "host_device", filename: node.path } })}`
      : node.path;
    return { "node-name": name, drv: node.driver, file, image: { "virtual-size": node.bytes, filename: file } };
  }
}
