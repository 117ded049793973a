// What a line chart needs to know: ranges, marks on axes, smoothing, the measurement next to a place. Pure functions.

export interface Series {
  name: string;
  steps: readonly number[];
  /** null: not a number. */
  values: readonly (number | null)[];
}

export interface Range {
  min: number;
  max: number;
}

/**
 * Smooth by an exponential mean whose start is not pulled to zero; weight 0 leaves the values as they are, near 1 little
 * is left of them. Gaps stay gaps.
 */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (!(weight > 0)) return [...values];
  let mean = 0;
  let seen = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = mean * weight + value * (1 - weight);
    seen += 1;
    return mean / (1 - weight ** seen);
  });
}

/** Return the range of all values, with some air around; on a logarithmic axis only of positive ones. null without any. */
export function rangeOf(lists: readonly (readonly (number | null)[])[], log: boolean): Range | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const list of lists) {
    for (const value of list) {
      if (value === null || !Number.isFinite(value) || (log && value <= 0)) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (min > max) return null;
  if (log) return min === max ? { min: min / 2, max: max * 2 } : { min: min / 1.1, max: max * 1.1 };
  const air = max > min ? (max - min) * 0.05 : Math.abs(max) * 0.1 || 1;
  return { min: min - air, max: max + air };
}

/** Return where a value lies in a range, from 0 to 1; NaN where it cannot be drawn. */
export function share(value: number, range: Range, log: boolean): number {
  if (!log) return (value - range.min) / (range.max - range.min);
  return value > 0 ? Math.log(value / range.min) / Math.log(range.max / range.min) : Number.NaN;
}

/** Return round values in a range, about as many as wanted; on a logarithmic axis powers of ten, with 2 and 5 between. */
export function ticks(range: Range, wanted: number, log: boolean): number[] {
  if (log) {
    const marks: number[] = [];
    for (let power = Math.floor(Math.log10(range.min)); power <= Math.ceil(Math.log10(range.max)); power += 1) {
      for (const digit of [1, 2, 5]) {
        const mark = Number(`${digit}e${power}`);
        if (mark >= range.min && mark <= range.max) marks.push(mark);
      }
    }
    if (marks.length <= 2 * wanted && marks.length > 1) return marks;
    const powers = marks.filter((mark) => /^1(e|0*$)|^0\.0*1$/.test(String(mark)));
    const every = Math.max(1, Math.ceil(powers.length / wanted));
    if (powers.length > 1) return powers.filter((_, at) => at % every === 0);
  }
  const rough = (range.max - range.min) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = ([1, 2, 5].find((digit) => digit * power >= rough) ?? 10) * power;
  const marks: number[] = [];
  const first = Math.ceil(range.min / unit);
  for (let at = first; at * unit <= range.max * (1 + 1e-12) && marks.length < 100; at += 1) {
    marks.push(Number((at * unit).toPrecision(12)));
  }
  return marks;
}

/** Return the place of the step nearest to this one, by halving; -1 without any. */
export function nearest(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  const before = steps[low - 1];
  return before !== undefined && step - before <= (steps[low] ?? step) - step ? low - 1 : low < steps.length ? low : -1;
}

/** Return a value as a text of few characters. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Curves that measure the same, by what they measure: "node name" becomes one chart for each name. */
export function byMeasure(
  curves: Record<string, { steps: readonly number[]; values: readonly (number | null)[] }>,
): { name: string; series: Series[] }[] {
  const groups = new Map<string, Series[]>();
  for (const [key, { steps, values }] of Object.entries(curves)) {
    const cut = key.indexOf(" ");
    const measure = key.slice(cut + 1);
    const series = groups.get(measure) ?? [];
    series.push({ name: cut < 0 ? key : key.slice(0, cut), steps, values });
    groups.set(measure, series);
  }
  return [...groups].map(([name, series]) => ({ name, series })).sort((one, other) => (one.name < other.name ? -1 : 1));
}
