// A mask painted over a picture in a dialog: tools, undo, rectangles by numbers, saving to the server. Loaded when it is
// first opened. What is seen and painted is MaskStage's. Knows no document: the caller gets the file that was saved.

import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { t } from "../i18n";
import { Icon, type IconName } from "../icons";
import { type FilePlace, ServerError, uploadMask } from "../server/api";
import { MaskStage, type Tool } from "./MaskStage";
import { type Loaded, loadMasked, maskFile, maskName } from "./mask_picture";
import { type Area, coverage, invert, newStep, paintRectangle, type Step, swap, whole, withStep } from "./strokes";
import "./mask.css";

/** Where masks are kept, below the input folder; other editors keep theirs there too. */
const FOLDER = "clipspace";

interface MaskEditorProps {
  picture: { filename: string; subfolder: string; type: string };
  onSaved(file: FilePlace): void;
  onClose(): void;
}

export default function MaskEditor({ picture, onSaved, onClose }: MaskEditorProps) {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [error, setError] = useState("");
  const [saving, setSaving] = useState(false);
  const [past, setPast] = useState<Step[]>([]);
  const [future, setFuture] = useState<Step[]>([]);
  const [tool, setTool] = useState<Tool>("brush");
  const [brush, setBrush] = useState({ size: 48, hardness: 0.8, strength: 1 });
  const [changed, setChanged] = useState<{ area: Area } | null>(null);
  const [covered, setCovered] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const place = useRef(picture).current;

  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
  }, []);
  useEffect(() => {
    let gone = false;
    loadMasked(place).then(
      (found) => {
        if (gone) return;
        setLoaded(found);
        setCovered(coverage(found.mask));
        setBrush((before) => ({ ...before, size: Math.max(4, Math.round(found.mask.width / 16)) }));
      },
      () => !gone && setError(t("mask.failed")),
    );
    return () => {
      gone = true;
    };
  }, [place]);

  /** A change is done: it can be undone, and what was undone before cannot be redone. */
  function finish(step: Step) {
    if (step.tiles.size === 0) return;
    setPast((before) => withStep(before, step));
    setFuture([]);
    if (loaded) setCovered(coverage(loaded.mask));
  }
  function change(paint: (step: Step) => Area | null) {
    const step = newStep();
    const area = paint(step);
    if (area) setChanged({ area });
    finish(step);
  }
  function travel(from: Step[], setFrom: (steps: Step[]) => void, to: Step[], setTo: (steps: Step[]) => void) {
    const step = from.at(-1);
    if (loaded === null || step === undefined) return;
    const area = swap(loaded.mask, step);
    setFrom(from.slice(0, -1));
    setTo([...to, step]);
    if (area) setChanged({ area });
    setCovered(coverage(loaded.mask));
  }
  const undo = () => travel(past, setPast, future, setFuture);
  const redo = () => travel(future, setFuture, past, setPast);

  async function save() {
    if (loaded === null || saving) return;
    setSaving(true);
    setError("");
    try {
      const file = await maskFile(loaded.mask, maskName(place.filename));
      onSaved(await uploadMask(file, place, { subfolder: FOLDER, type: "input" }));
      onClose();
    } catch (problem) {
      setError(problem instanceof ServerError ? problem.message : String(problem));
      setSaving(false);
    }
  }
  function close() {
    if (past.length === 0 || window.confirm(t("mask.discard"))) onClose();
  }
  function keys(event: KeyboardEvent) {
    event.stopPropagation();
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const field = event.target instanceof HTMLInputElement;
    if (command && key === "z") (event.shiftKey ? redo : undo)();
    else if (command && key === "y") redo();
    else if (command && key === "enter") void save();
    else if (command || event.altKey || field) return;
    else if (key === "b") setTool("brush");
    else if (key === "e") setTool("erase");
    else if (key === "v" || key === "h") setTool("move");
    else if (key === "[") setBrush({ ...brush, size: Math.max(1, Math.round(brush.size / 1.2)) });
    else if (key === "]") setBrush({ ...brush, size: Math.min(1024, Math.ceil(brush.size * 1.2)) });
    else return;
    event.preventDefault();
  }

  const mask = loaded?.mask;
  const idle = mask === undefined || saving;
  return (
    <dialog
      ref={dialog}
      className="dialog mask nodrag nowheel nopan"
      aria-label={t("mask.title")}
      data-dialog="mask"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onKeyDown={keys}
      onPaste={(event) => event.stopPropagation()}
    >
      <div className="mask-bar" role="toolbar" aria-label={t("mask.title")}>
        <ToolButton icon="brush" name="brush" pressed={tool === "brush"} onClick={() => setTool("brush")} />
        <ToolButton icon="erase" name="erase" pressed={tool === "erase"} onClick={() => setTool("erase")} />
        <ToolButton icon="hand" name="move" pressed={tool === "move"} onClick={() => setTool("move")} />
        <span className="mask-line" />
        <ToolButton icon="undo" name="undo" disabled={idle || past.length === 0} onClick={undo} />
        <ToolButton icon="redo" name="redo" disabled={idle || future.length === 0} onClick={redo} />
        <span className="mask-line" />
        <ToolButton
          icon="invert"
          name="invert"
          disabled={idle}
          onClick={() => mask && change((step) => invert(mask, step))}
        />
        <ToolButton
          icon="fill"
          name="fill"
          disabled={idle}
          onClick={() => mask && change((step) => paintRectangle(mask, step, whole(mask), 255))}
        />
        <ToolButton
          icon="clear"
          name="clear"
          disabled={idle}
          onClick={() => mask && change((step) => paintRectangle(mask, step, whole(mask), 0))}
        />
        <span className="grow" />
        <Slide name="size" value={brush.size} min={1} max={512} onChange={(size) => setBrush({ ...brush, size })} />
        <Slide
          name="hardness"
          value={Math.round(brush.hardness * 100)}
          min={0}
          max={100}
          onChange={(percent) => setBrush({ ...brush, hardness: percent / 100 })}
        />
        <Slide
          name="opacity"
          value={Math.round(brush.strength * 100)}
          min={1}
          max={100}
          onChange={(percent) => setBrush({ ...brush, strength: percent / 100 })}
        />
      </div>
      {loaded ? (
        <MaskStage
          loaded={loaded}
          changed={changed}
          tool={tool}
          brush={{
            radius: brush.size / 2,
            hardness: brush.hardness,
            strength: brush.strength,
            erase: tool === "erase",
          }}
          onStep={finish}
        />
      ) : (
        <div className="mask-stage empty">{error || t("mask.loading")}</div>
      )}
      <div className="mask-foot">
        {mask && (
          <Rectangle
            width={mask.width}
            height={mask.height}
            onPaint={(area, value) => change((step) => paintRectangle(mask, step, area, value))}
          />
        )}
        <span className="dim number" role="status">
          {loaded && (error || t("mask.covered", { percent: (covered * 100).toFixed(1) }))}
        </span>
        <span className="grow" />
        <span className="mask-actions">
          <button type="button" className="button" onClick={close}>
            {t("mask.cancel")}
          </button>
          <button type="button" className="button primary" disabled={idle} data-save-mask onClick={() => void save()}>
            {saving ? t("mask.saving") : t("mask.save")}
          </button>
        </span>
      </div>
    </dialog>
  );
}

interface ToolButtonProps {
  icon: IconName;
  name: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick(): void;
}

function ToolButton({ icon, name, pressed, disabled, onClick }: ToolButtonProps) {
  const label = t(`mask.${name}`);
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      aria-pressed={pressed}
      title={label}
      disabled={disabled}
      data-mask-tool={name}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface SlideProps {
  name: string;
  value: number;
  min: number;
  max: number;
  onChange(value: number): void;
}

function Slide({ name, value, min, max, onChange }: SlideProps) {
  return (
    <label className="mask-slide">
      <span className="label">{t(`mask.${name}`)}</span>
      <input
        type="range"
        min={min}
        max={max}
        value={value}
        onChange={(event) => onChange(Number(event.currentTarget.value))}
      />
      <span className="number">{value}</span>
    </label>
  );
}

interface RectangleProps {
  width: number;
  height: number;
  onPaint(area: Area, value: number): void;
}

/** A rectangle by its numbers: for those who cannot, or would rather not, paint by hand. */
function Rectangle({ width, height, onPaint }: RectangleProps) {
  const [area, setArea] = useState({ x: 0, y: 0, width, height });
  const limits = { x: width, y: height, width, height };
  return (
    <fieldset className="mask-rectangle">
      <legend className="sr-only">{t("mask.rectangle")}</legend>
      {(["x", "y", "width", "height"] as const).map((name) => (
        <label key={name}>
          <span className="label">{t(`mask.${name}`)}</span>
          <input
            className="input number"
            type="number"
            min={0}
            max={limits[name]}
            value={area[name]}
            data-mask-rectangle={name}
            onChange={(event) => setArea({ ...area, [name]: Math.round(Number(event.currentTarget.value)) || 0 })}
          />
        </label>
      ))}
      <button type="button" className="button" onClick={() => onPaint(area, 255)} data-mask-tool="paint-rectangle">
        {t("mask.paint_rectangle")}
      </button>
      <button type="button" className="button" onClick={() => onPaint(area, 0)}>
        {t("mask.erase_rectangle")}
      </button>
    </fieldset>
  );
}
