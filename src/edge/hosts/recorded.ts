import { readFile, stat } from "node:fs/promises";
import type { CommandResult } from "../../core/model/command.js";
import type { Checked } from "../../core/model/diagnostic.js";
import type { Readings } from "../../core/facts/readings.js";
import { readRecording } from "../../core/facts/recording.js";
import { MAX_BYTES } from "../cli/read-bytes.js";
import type { Host } from "./host.js";
import { refuse } from "./trouble.js";

/** A host that is only known from a file: it can be planned for, and nothing can be done there. */
export class RecordedHost implements Host {
  readonly kind = "recorded";

  /** @param file of a recording, as the user names it */
  constructor(readonly name: string, private readonly file: string) {}

  async recorded(): Promise<Checked<Readings>> {
    let text: string;
    try {
      const found = await stat(this.file);
      // a pipe may never come to an end, and other hosts wait for this one
      if (!found.isFile()) throw new Error("it is no file");
      if (found.size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
      text = await readFile(this.file, "utf8");
    } catch (error) {
      return refuse({
        code: "recording-missing",
        summary: `the recording ${this.file} of host ${this.name} cannot be read`,
        detail: error instanceof Error ? error.message : "",
        subject: { host: this.name },
        fix: "Check converge_facts in the inventory.",
      });
    }
    return readRecording(text, this.file, this.name);
  }

  run(): Promise<Checked<CommandResult>> {
    return Promise.resolve(this.cannot());
  }

  follow(): Promise<Checked<CommandResult>> {
    return Promise.resolve(this.cannot());
  }

  async close(): Promise<void> {
    // nothing is held
  }

  private cannot(): Checked<never> {
    return refuse({
      code: "host-recorded",
      summary: `${this.name} is a recording: nothing can be run there`,
      subject: { host: this.name },
      fix: "Preview with --check, or give the host a real ansible_connection to apply.",
    });
  }
}
