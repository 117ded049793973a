// Numbers as texts: expressions, ranges, steps, whole numbers that JavaScript cannot hold.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  dragged,
  evaluate,
  formatNumber,
  fraction,
  hasRange,
  type NumberSpec,
  newSeed,
  parseNumber,
  stepped,
} from "../src/widgets/numeric";

const INT: NumberSpec = { kind: "int", min: 0, max: 10_000, step: 8, control: false, seed: false };
const SEED: NumberSpec = { kind: "int", min: 0, max: 2 ** 64, step: 1, control: true, seed: true };
const FLOAT: NumberSpec = { kind: "float", min: 0, max: 10, step: 0.1, round: null, slider: false };
const SLIDER: NumberSpec = { kind: "float", min: 0, max: 1, step: 0.01, round: 0.01, slider: true };

describe("expressions", () => {
  test.each([
    ["512*2", 1024],
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["-2 ** 2", -4],
    ["2 ^ 3 ** 2", 512],
    ["7 % 4", 3],
    [".5", 0.5],
    ["1e-3", 0.001],
    ["2*pi", 2 * Math.PI],
    ["round(10/3)", 3],
    ["max(1, 2+3, 4)", 5],
    ["--1", 1],
    ["sqrt(2)**2", 2.0000000000000004],
  ])("%s", (text, value) => expect(evaluate(text)).toBe(value));

  test.each(["", " ", "1 +", "(1", "1)", "1 2", "one", "1/0", "alert(1)", "constructor", "a.b", "1;2", "()", "max()"])(
    "%j is none",
    (text) => expect(evaluate(text)).toBeUndefined(),
  );

  test("what is deeper than the stack is refused and does not throw", () => {
    expect(evaluate(`${"(".repeat(50_000)}1${")".repeat(50_000)}`)).toBeUndefined();
    expect(evaluate("-".repeat(50_000))).toBeUndefined();
  });

  test("agrees with JavaScript on sums and products", () => {
    const expression = fc.letrec((tie) => ({
      text: fc.oneof(
        { depthSize: "small" },
        fc.nat(99).map(String),
        fc
          .tuple(tie("text"), fc.constantFrom("+", "-", "*", "/"), tie("text"))
          .map(([left, sign, right]) => `(${left} ${sign} ${right})`),
      ),
    })).text as fc.Arbitrary<string>;
    fc.assert(
      fc.property(expression, (text) => {
        const wanted = new Function(`return ${text}`)() as number;
        expect(evaluate(text)).toBe(Number.isFinite(wanted) ? wanted : undefined);
      }),
    );
  });
});

describe("what is typed", () => {
  test("is clamped to the range", () => {
    expect(parseNumber("20000", INT, 0)).toBe(10_000);
    expect(parseNumber("-5", INT, 0)).toBe(0);
    expect(parseNumber("11", FLOAT, 0)).toBe(10);
  });
  test("is not forced onto steps, but rounded where the declaration says so", () => {
    expect(parseNumber("13", INT, 0)).toBe(13);
    expect(parseNumber("0.123", FLOAT, 0)).toBe(0.123);
    expect(parseNumber("0.127", SLIDER, 0)).toBe(0.13);
    expect(parseNumber("12.6", INT, 0)).toBe(13);
  });
  test("may start from the present value", () => {
    expect(parseNumber("+=8", INT, 512)).toBe(520);
    expect(parseNumber("*=2", INT, 512)).toBe(1024);
    expect(parseNumber("/=2", FLOAT, 5)).toBe(2.5);
    expect(parseNumber("-=1+1", FLOAT, 5)).toBe(3);
    expect(parseNumber("-5", INT, 512)).toBe(0);
  });
  test("may have a comma, or come from a full-width keyboard", () => {
    expect(parseNumber("0,5", FLOAT, 0)).toBe(0.5);
    expect(parseNumber("0,125", FLOAT, 0)).toBe(0.125);
    expect(parseNumber("1,024", INT, 0)).toBe(1024);
    expect(parseNumber("５１２", INT, 0)).toBe(512);
  });
  test("is nothing when it is no number", () => {
    expect(parseNumber("", INT, 7)).toBeUndefined();
    expect(parseNumber("abc", FLOAT, 7)).toBeUndefined();
  });
});

describe("whole numbers beyond 2^53", () => {
  test("stay exact, as digits", () => {
    expect(parseNumber("18446744073709551615", SEED, 0)).toBe("18446744073709551615");
    expect(parseNumber("9007199254740993", SEED, 0)).toBe("9007199254740993");
    expect(parseNumber("9007199254740991", SEED, 0)).toBe(9007199254740991);
    expect(formatNumber("18446744073709551615", SEED)).toBe("18446744073709551615");
  });
  test("step by one and end at the largest", () => {
    expect(stepped("9007199254740993", 1, SEED)).toBe("9007199254740994");
    expect(stepped("9007199254740992", -1, SEED)).toBe(9007199254740991);
    expect(stepped("18446744073709551615", 1, SEED)).toBe("18446744073709551615");
    expect(parseNumber("99999999999999999999", SEED, 0)).toBe("18446744073709551615");
  });
  test("every 64-bit number that is typed comes back as it was", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
        const kept = parseNumber(value.toString(), SEED, 0);
        expect(formatNumber(kept ?? null, SEED)).toBe(value.toString());
      }),
    );
  });
  test("a new seed is drawn where numbers are exact", () => {
    expect(newSeed(SEED, () => 0.999_999_999_999_999_9)).toBeLessThan(2 ** 53);
    expect(newSeed(SEED, () => 0)).toBe(0);
    expect(newSeed({ ...INT, min: 5, max: 6 }, () => 0.99)).toBe(6);
  });
});

describe("steps and drags", () => {
  test("a step keeps the decimals clean", () => {
    expect(stepped(0.1, 2, FLOAT)).toBe(0.3);
    expect(stepped(9.95, 1, FLOAT)).toBe(10);
    expect(stepped(512, -1, INT)).toBe(504);
  });
  test("a drag moves by steps, Shift finer, Ctrl faster", () => {
    expect(dragged(512, 40, 200, INT, 1)).toBe(592);
    expect(dragged(512, 40, 200, INT, 0.1)).toBe(520);
    expect(dragged(512, 40, 200, INT, 10)).toBe(1312);
    expect(dragged(512, -4000, 200, INT, 1)).toBe(0);
  });
  test("a slider's drag follows the pointer over its width", () => {
    expect(dragged(0, 100, 200, SLIDER, 1)).toBe(0.5);
    expect(dragged(0.5, -300, 200, SLIDER, 1)).toBe(0);
    expect(fraction(0.25, SLIDER)).toBe(0.25);
  });
  test("what one drags stays within the range, whatever the pixels", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(0.1, 1, 10), (pixels, speed) => {
        for (const spec of [INT, FLOAT, SLIDER]) {
          const value = dragged(spec.min, pixels, 200, spec, speed) as number;
          expect(value).toBeGreaterThanOrEqual(spec.min);
          expect(value).toBeLessThanOrEqual(spec.max);
        }
      }),
    );
  });
});

test("values are shown with the decimals of their step", () => {
  expect(formatNumber(7, FLOAT)).toBe("7.0");
  expect(formatNumber(7.25, FLOAT)).toBe("7.25");
  expect(formatNumber(1, { ...FLOAT, step: 0.01 })).toBe("1.00");
  expect(formatNumber(20, { ...FLOAT, step: 1 })).toBe("20");
  expect(formatNumber(1e-7, FLOAT)).toBe("1e-7");
  expect(formatNumber(20, INT)).toBe("20");
});

test("the limits of the machine are no range", () => {
  expect(hasRange(SEED)).toBe(false);
  expect(hasRange(INT)).toBe(true);
  expect(hasRange({ ...FLOAT, min: -(2 ** 63), max: 2 ** 63 })).toBe(false);
});
