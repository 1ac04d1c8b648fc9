import { constants } from "node:fs";
import { lstat, mkdtemp, open, readdir, readFile, readlink, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";

/** As mkdtemp makes them, and nothing else that begins so. */
const NAME = /^cvg-[A-Za-z0-9]{6}$/;
/** A link that leads nowhere: its text says which process the folder is for. Made in one go, and read without following anything. */
const OWNER = "owner";
/** Nobody connects for as long. What says less of its process than that this is its folder is left alone until then. */
const SURELY_LEFT_MS = 24 * 60 * 60 * 1000;

/** Which process, of which boot and of which pid namespace: a number alone is given out again, and means another one in a container. */
interface Owner {
  readonly world: string;
  readonly pid: string;
  readonly start: string;
}

/**
 * Makes a folder for the socket of a connection, which nobody else can enter: who reaches the socket is logged in. It says whose it is,
 * for a process that is killed takes nothing away, and the next one has to know that it may.
 */
export async function makeSocketFolder(parent: string): Promise<string> {
  await (cleared[parent] ??= clearLeftFolders(parent));
  const folder = await mkdtemp(join(parent, "cvg-"));
  // without it the folder is as good; should it be left it stays for a day
  await ownerText(process.pid).then((text) => symlink(text, join(folder, OWNER))).catch(() => undefined);
  return folder;
}

/** What is left of it is in nobody's way. */
export async function removeSocketFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

/** Once for a process is enough. */
const cleared: Record<string, Promise<void>> = {};

/**
 * Takes away what processes of this user that were killed have left. A folder goes only if its process is surely over, and nobody
 * listens there any more: ssh itself lives on for two minutes, and takes its socket away then. Never throws: who can not tidy up can
 * connect.
 */
export async function clearLeftFolders(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  const own = names.filter((name) => NAME.test(name));
  if (own.length === 0) return;
  const world = await thisWorld().catch(() => undefined);
  // without /proc there is no knowing who is there
  if (world === undefined) return;
  for (const name of own) await clearFolder(join(parent, name), world).catch(() => undefined);
}

async function clearFolder(path: string, world: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    // whatever takes its name meanwhile, it is this folder that is looked into
    const inside = `/proc/self/fd/${handle.fd}`;
    const { uid, mode, mtimeMs } = await handle.stat();
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return;
    const owner = await readlink(join(inside, OWNER)).then(readOwner, () => undefined);
    const isOfHere = owner?.world === world;
    if (isOfHere ? await startOf(owner.pid) === owner.start : Date.now() - mtimeMs < SURELY_LEFT_MS) return;
    const sockets = (await readdir(inside)).filter((name) => owner === undefined || name !== OWNER);
    for (const name of sockets) {
      // of a machine that shares the folder, or a container, nobody here knows whether it listens
      if (!isOfHere || !(await isAbandoned(join(inside, name)))) return;
    }
    for (const name of sockets) await unlink(join(inside, name));
    if (owner !== undefined) await unlink(join(inside, OWNER));
    // not if something came into it
    await rmdir(path);
  } finally {
    await handle.close();
  }
}

/** Whether it is a socket that nobody listens on. */
async function isAbandoned(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => { resolve(code === "ECONNREFUSED"); });
  });
}

/** What a folder's link says of its process. */
export async function ownerText(pid: number): Promise<string> {
  const [world, start] = await Promise.all([thisWorld(), startOf(String(pid))]);
  if (start === undefined) throw new Error(`no process ${pid}`);
  return `${world} ${pid} ${start}`;
}

function readOwner(text: string): Owner | undefined {
  const [, world, pid, start] = /^(\S+) (\d+) (\d+)$/.exec(text) ?? [];
  return world === undefined || pid === undefined || start === undefined ? undefined : { world, pid, start };
}

async function thisWorld(): Promise<string> {
  const [boot, pids] = await Promise.all([readFile("/proc/sys/kernel/random/boot_id", "utf8"), readlink("/proc/self/ns/pid")]);
  return `${boot.trim()}/${pids}`;
}

/** When a process began, in ticks since the boot (proc_pid_stat(5)); undefined: there is none. */
async function startOf(pid: string): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // its name is in parentheses, and may hold any
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
