import { mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StubHost } from "./host.js";

/** An xl that does something of its own first; `undefined`: the stub again. */
export class Xl {
  readonly #path: string;
  readonly #stub: string;
  readonly real: string;

  constructor(host: StubHost) {
    this.#path = join(host.root, "bin/xl");
    this.#stub = readlinkSync(this.#path);
    const folder = join(host.root, "bin/real");
    mkdirSync(folder);
    this.real = join(folder, "xl");
    symlinkSync(this.#stub, this.real);
  }

  first(script: string): void {
    this.stub();
    rmSync(this.#path);
    writeFileSync(this.#path, `#!/bin/sh\n${script}\nexec ${this.real} "$@"\n`, { mode: 0o755 });
  }

  stub(): void {
    rmSync(this.#path);
    symlinkSync(this.#stub, this.#path);
  }
}
