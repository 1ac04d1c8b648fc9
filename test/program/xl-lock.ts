import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

const HOLDS = `
import fcntl, os, sys
def take(path):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
held = take(sys.argv[1])
print("has it", flush=True)
for _ in sys.stdin:
    # at one stroke: between removing it and locking the next one the run may come, and has it with right
    new = take(sys.argv[1] + ".next")
    os.rename(sys.argv[1] + ".next", sys.argv[1])
    os.close(held)
    held = new
    print("has the next one", flush=True)
os.unlink(sys.argv[1])
os.close(held)
`;

/** An xl command that has the lock around what libxl has stored of a guest, as libxl takes it, for as long as a test wants. */
export class XlLock {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async take(path: string): Promise<XlLock> {
    const lock = new XlLock(spawn("python3", ["-c", HOLDS, path], { stdio: ["pipe", "pipe", "inherit"] }));
    await lock.#said();
    return lock;
  }

  /** It is unlocked, and another xl has it at once: in a file of its own, which is there by then. */
  async passOn(): Promise<void> {
    this.#process.stdin?.write("\n");
    await this.#said();
  }

  async release(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.stdin?.end();
    await ended;
  }

  async #said(): Promise<void> {
    if (this.#process.stdout !== null) await once(this.#process.stdout, "data");
  }
}
