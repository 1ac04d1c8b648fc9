import { readFileSync, readdirSync } from "node:fs";
import ts from "typescript";

/** What the lab's suite says of its tests, read from its files: nothing of it is run. */

export const FOLDER = "test/lab/suite";

export interface LabTest {
  readonly title: string;
  /** Nothing that it stands in is left out of `npm run test:lab`. */
  readonly sampled: boolean;
  /** The parts of that suite that it stands in: one, if it is sampled (test/lab/suite/parts.ts). */
  readonly parts: readonly string[];
  /** That of the lab that it runs on. */
  readonly hypervisor: string;
  /** Of these guests it makes guests of another kind than they are in the lab. */
  readonly types: ReadonlyMap<string, "pvh" | "hvm">;
}

/** A use of a row: its name, and the text of the smallest thing around it that names a guest. */
export interface RowUse {
  readonly row: string;
  readonly around: string;
}

/** A word of strategy, switch or finish that is written in a file, and where. */
export interface Literal {
  readonly text: string;
  /** The test, or the function or constant outside of tests, that it stands in. */
  readonly within: string;
}

/** What a file of the suite has. */
export interface LabFile {
  readonly tests: readonly LabTest[];
  readonly uses: (guests: readonly string[]) => readonly RowUse[];
  readonly literals: readonly Literal[];
}

export function labFiles(): readonly string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith(".lab.ts")).sort();
}

export function readLab(name: string): LabFile {
  const path = `${FOLDER}/${name}`;
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ES2022, true);
  const tests: LabTest[] = [];
  const literals: Literal[] = [];
  const used: { readonly row: string; readonly node: ts.Node }[] = [];
  visit(file, (node) => {
    const title = titleOf(node, "test");
    if (title !== undefined) {
      tests.push({
        title, sampled: !conditions(node).includes("everything"), parts: conditions(node).filter((one) => one !== "everything"), hypervisor: hypervisorOf(node) ?? "security",
        types: new Map([...node.getText().matchAll(/make(Pvh|Hvm)\(lab, "([^"]+)"\)/g)].map(([, type, guest = ""]) => [guest, type === "Pvh" ? "pvh" : "hvm"])),
      });
    }
    if (ts.isCallExpression(node) && node.expression.getText() === "wayOf") {
      const [row] = node.arguments;
      used.push({ row: row !== undefined && ts.isStringLiteral(row) ? row.text : node.getText(), node });
    }
    if (ts.isPropertyAssignment(node) && ["strategy", "switch", "finish"].includes(node.name.getText()) && ts.isStringLiteral(node.initializer)) {
      literals.push({ text: node.getText(), within: withinOf(node) });
    }
  });
  const uses = (guests: readonly string[]): readonly RowUse[] => used.map(({ row, node }) => {
    const names = (one: ts.Node): boolean => guests.some((guest) => isNamed(one.getText(), guest));
    return { row, around: upwards(node.parent).find(names)?.getText() ?? "" };
  });
  return { tests, uses, literals };
}

/** In quotes, or as a key. */
export function isNamed(text: string, guest: string): boolean {
  return new RegExp(`"${guest}"|\\b${guest}: \\{`).test(text.replaceAll(/wayOf\("[^"]*"\)/g, ""));
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  node.forEachChild((child) => {
    visit(child, look);
  });
}

/** From the inside out, itself first. */
function upwards(node: ts.Node): readonly ts.Node[] {
  const found: ts.Node[] = [];
  for (let at = node; !ts.isSourceFile(at); at = at.parent) found.push(at);
  return found;
}

/** The first word of `test.runIf(…).each(…)(…)`. */
function rootOf(node: ts.Expression): string {
  if (ts.isCallExpression(node) || ts.isPropertyAccessExpression(node)) return rootOf(node.expression);
  return node.getText();
}

function titleOf(node: ts.Node, word: "test" | "describe"): string | undefined {
  if (!ts.isCallExpression(node) || rootOf(node.expression) !== word) return undefined;
  const [title] = node.arguments;
  return title !== undefined && ts.isStringLiteralLike(title) ? title.text : undefined;
}

/** What has to hold for a test to be run at all: `everything`, or the name of a part. */
function conditions(test: ts.Node): readonly string[] {
  const found = upwards(test).flatMap((node) => {
    if (ts.isIfStatement(node)) return [node.expression.getText()];
    if (!ts.isCallExpression(node) || !["test", "describe"].includes(rootOf(node.expression))) return [];
    return [...node.expression.getText().matchAll(/\.runIf\(((?:[^()]|\([^()]*\))*)\)/g)].map(([, condition = ""]) => condition);
  });
  return found.map((condition) => {
    const part = /^inPart\("?(\w+)"?\)$/.exec(condition)?.[1];
    if (part === undefined && condition !== "everything") throw new Error(`who knows when a test runs under ${condition}`);
    return part ?? condition;
  });
}

/** As the nearest block around it boots its lab; unset where that says nothing. */
function hypervisorOf(test: ts.Node): string | undefined {
  const blocks = [...upwards(test).flatMap((node) => (ts.isBlock(node) ? [node.statements] : [])), test.getSourceFile().statements];
  for (const statements of blocks) {
    const booting = statements.filter((statement) => ts.isExpressionStatement(statement) && ts.isCallExpression(statement.expression) &&
      ["onLab", "beforeAll"].includes(statement.expression.expression.getText())).map((statement) => statement.getText());
    const [, first, second] = /^onLab\("(\w+)"|hypervisor: "(\w+)"/.exec(booting.find((text) => /^onLab\(|Lab\.up\(/.test(text)) ?? "") ?? [];
    const build = first ?? second;
    if (build !== undefined) return build;
  }
  return undefined;
}

function withinOf(node: ts.Node): string {
  const around = upwards(node);
  const [title] = around.flatMap((one) => titleOf(one, "test") ?? []);
  if (title !== undefined) return title;
  const names = around.flatMap((one) => {
    if (ts.isFunctionDeclaration(one) || ts.isVariableDeclaration(one)) return [one.name?.getText() ?? ""];
    return ts.isCallExpression(one) && one.expression.getText() === "describeInTheMirror" ? ["describeInTheMirror"] : [];
  });
  return names.at(-1) ?? "";
}
