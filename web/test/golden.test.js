/** The golden files of docs/format.md: the same verdicts and the same pictures as Python's reader. */

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { readCarrier } from "../receiver/carrier.js";
import { keysOfFile, readIdentities, readKeyFile } from "../receiver/keys.js";
import { Refusal } from "../receiver/refusal.js";
import { forcedFunction, render, revealFile, secretFunction, unlock } from "../receiver/reveal.js";
import { evaluate } from "../receiver/siren.js";
import { assertAlike, fromHex, golden, listed, picture, toHex } from "./helpers.js";

const accepted = listed("accept");
const songs = accepted.filter((name) => name.endsWith(".safetensors"));

suite("songs to accept", () => {
  for (const name of songs) {
    test(`${name} shows its cover`, async () => {
      const carrier = readCarrier(golden(`accept/${name}`));
      const expected = picture(`accept/${name.replace("safetensors", "png")}`);
      assert.deepEqual([carrier.width, carrier.height], [expected.width, expected.height]);
      assertAlike([{ found: await render(carrier, carrier, evaluate), expected: expected.pixels }]);
    });
  }

  const keys = accepted.filter((name) => /\.(key|age)$/.test(name));
  assert.ok(keys.length >= 8);
  for (const name of keys) {
    test(`${name} shows its picture`, async () => {
      const carrier = readCarrier(golden(`accept/${name.split(".")[0]}.safetensors`));
      const found = await keysOfFile(golden(`accept/${name}`));
      const unlocked = await unlock(carrier, found);
      assert.equal(unlocked === null, name.includes(".wrong."));
      const func = unlocked
        ? await secretFunction(carrier, unlocked)
        : await forcedFunction(carrier, found[0]);
      const size = unlocked ? unlocked.slot : carrier;
      const expected = picture(`accept/${name.replace(/\w+$/, "png")}`);
      assert.deepEqual([size.width, size.height], [expected.width, expected.height]);
      assertAlike([{ found: await render(func, size, evaluate), expected: expected.pixels }]);
      assert.ok(unlocked?.slot.intact ?? true);
    });
  }

  test("note.safetensors gives its file", async () => {
    const carrier = readCarrier(golden("accept/note.safetensors"));
    const unlocked = await unlock(carrier, await keysOfFile(golden("accept/note.k.key")));
    assert.ok(unlocked);
    const file = await revealFile(carrier, unlocked, evaluate);
    assert.equal(file.name, "note.txt");
    assert.equal(new TextDecoder().decode(file.content), "meet me at noon, ".repeat(3));
  });
});

suite("files to refuse", () => {
  const refused = listed("refuse");
  for (const name of refused.filter((one) => /^[^.]+\.(safetensors|key)$/.test(one))) {
    test(name, async () => {
      const key = refused.find((one) => one !== name && one.startsWith(`${name.split(".")[0]}.`));
      const opening = async () => {
        if (name.endsWith(".key")) return readKeyFile(golden(`refuse/${name}`));
        const carrier = readCarrier(golden(`refuse/${name}`));
        assert.ok(key, "the song was taken");
        const found = await unlock(carrier, await keysOfFile(golden(`refuse/${key}`)));
        if (found === null) throw new Refusal("there is no picture for this key");
        return secretFunction(carrier, found);
      };
      if (key && name.endsWith(".key")) return;
      await assert.rejects(opening, (error) => {
        assert.ok(error instanceof Refusal, String(error));
        assert.match(error.message, /^[^\n]+[^.\n]$/);
        return true;
      });
    });
  }
});

suite("texts of keys", () => {
  /** @type {{kind: string, why: string, hex: string, gives: string | string[] | null}[]} */
  const texts = JSON.parse(new TextDecoder().decode(golden("texts.json")));
  const readers = {
    /** @param {Uint8Array} bytes */
    key: async (bytes) => [await readKeyFile(bytes)],
    identity: readIdentities,
  };
  for (const { kind, why, hex, gives } of texts) {
    if (kind !== "key" && kind !== "identity") continue;
    test(`${kind}: ${why}`, async () => {
      const opening = async () => readers[kind](fromHex(hex));
      if (gives === null || gives === undefined) {
        await assert.rejects(opening, Refusal);
        return;
      }
      const found = (await opening()).map((key) => ("bytes" in key ? toHex(key.bytes) : ""));
      assert.deepEqual(found, [gives].flat());
    });
  }
});
