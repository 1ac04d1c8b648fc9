import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { afterAll } from "vitest";

/** The YAML language server itself, spoken to over its standard input and output as an editor does (LSP 3.17). */

export interface Position {
  readonly line: number;
  readonly character: number;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** What the protocol says of a place in a file. */
export interface LspDiagnostic {
  readonly range: { readonly start: Position; readonly end: Position };
  readonly message: string;
}

export class LanguageServer {
  private readonly process = spawn(process.execPath, [createRequire(import.meta.url).resolve("yaml-language-server/bin/yaml-language-server"), "--stdio"]);
  private readonly waiting = new Map<number, (message: Message) => void>();
  private readonly published = new Map<string, (diagnostics: readonly LspDiagnostic[]) => void>();
  private received = Buffer.alloc(0);
  private lastId = 0;

  /** @param schemas schema files by the glob of the files that they are for */
  constructor(private readonly schemas: Readonly<Record<string, string>>) {
    this.process.stdout.on("data", (chunk: Buffer) => { this.receive(chunk); });
    afterAll(() => { this.process.kill(); });
  }

  async start(): Promise<void> {
    await this.ask("initialize", {
      processId: process.pid, rootUri: null, workspaceFolders: null,
      capabilities: {
        textDocument: {
          completion: { completionItem: { documentationFormat: ["markdown", "plaintext"], snippetSupport: false } },
          hover: { contentFormat: ["markdown", "plaintext"] }, publishDiagnostics: {},
        },
        workspace: { configuration: true },
      },
    });
    this.send({ method: "initialized", params: {} });
    this.send({ method: "workspace/didChangeConfiguration", params: { settings: this.settings() } });
  }

  /** Opens a file and waits for what is said about it. */
  open(uri: string, text: string): Promise<readonly LspDiagnostic[]> {
    const told = new Promise<readonly LspDiagnostic[]>((resolve) => this.published.set(uri, resolve));
    this.send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
    return told;
  }

  async completions(uri: string, position: Position): Promise<readonly { readonly label: string; readonly documentation?: unknown }[]> {
    const result = (await this.ask("textDocument/completion", { textDocument: { uri }, position })) as { items: { label: string; documentation?: unknown }[] };
    return result.items;
  }

  async hover(uri: string, position: Position): Promise<string> {
    return JSON.stringify(await this.ask("textDocument/hover", { textDocument: { uri }, position }));
  }

  private settings(): object {
    const schemas = Object.fromEntries(Object.entries(this.schemas).map(([glob, path]) => [pathToFileURL(path).href, glob]));
    return { yaml: { schemas, validate: true, hover: true, completion: true, schemaStore: { enable: false } } };
  }

  private ask(method: string, params: unknown): Promise<unknown> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) => { if (error === undefined) resolve(result); else reject(new Error(error.message)); });
      this.send({ id, method, params });
    });
  }

  private send(message: Message): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  private receive(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    for (;;) {
      const header = this.received.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/i.exec(this.received.subarray(0, Math.max(header, 0)).toString())?.[1] ?? NaN);
      if (header === -1 || this.received.length < header + 4 + length) return;
      const message = JSON.parse(this.received.subarray(header + 4, header + 4 + length).toString()) as Message;
      this.received = this.received.subarray(header + 4 + length);
      this.handle(message);
    }
  }

  private handle({ id, method, params, ...rest }: Message): void {
    if (method === undefined && id !== undefined) {
      this.waiting.get(id)?.(rest);
      return;
    }
    if (method === "textDocument/publishDiagnostics") {
      const { uri, diagnostics } = params as { uri: string; diagnostics: readonly LspDiagnostic[] };
      this.published.get(uri)?.(diagnostics);
    }
    if (id === undefined) return;
    // the server asks for its settings by section, and registers what it can do
    const settings = this.settings() as Record<string, unknown>;
    const items = method === "workspace/configuration" ? (params as { items: { section: string }[] }).items : undefined;
    this.send({ id, result: items?.map(({ section }) => settings[section] ?? null) ?? null });
  }
}
