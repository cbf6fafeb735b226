import {useEffect, useId, useState, type ReactNode} from "react";
import {Icon} from "./icons";

export function Segments<T extends string>({label, value, options, onChange}: {label: string; value: T; options: [T, string][]; onChange: (value: T) => void}) {
  const name = useId();
  return (
    <div className="segments" role="radiogroup" aria-label={label}>
      {options.map(([option, text]) => (
        <label key={option}>
          <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
          {text}
        </label>
      ))}
    </div>
  );
}

export function Check({children, checked, onChange}: {children: ReactNode; checked: boolean; onChange: (checked: boolean) => void}) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {children}
    </label>
  );
}

/// A line to run or to write somewhere, with a button that copies it.
export function Command({text}: {text: string}) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = window.setTimeout(() => setCopied(false), 2000);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // refused by the browser: the text stands there to be marked
    }
  };
  return (
    <span className="command">
      <code>{text}</code>
      <button type="button" className="button bare" onClick={() => void copy()} aria-label={`Copy ${text}`}>
        {copied ? "Copied" : "Copy"}
      </button>
    </span>
  );
}

export function IconButton({icon, label, onClick, pressed, shortcut}: {icon: Parameters<typeof Icon>[0]["name"]; label: string; onClick: () => void; pressed?: boolean; shortcut?: string}) {
  return (
    <button type="button" className="button bare" aria-label={label} title={shortcut ? `${label} (${shortcut})` : label} aria-pressed={pressed} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/// A field whose text is taken on Enter, or when it is left: the address does not change with every key.
export function Field({label, value, placeholder, onTake, id, width, type = "text"}: {label: string; value: string; placeholder?: string; onTake: (value: string) => void; id?: string; width?: number; type?: string}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const take = () => text.trim() !== value && onTake(text.trim());
  return (
    <label className="labelled" style={width ? {width} : undefined}>
      {label}
      <input
        id={id}
        className="field"
        type={type}
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
        onBlur={take}
        onKeyDown={(event) => event.key === "Enter" && take()}
      />
    </label>
  );
}

export function Select({label, value, options, onChange}: {label: string; value: string; options: [string, string][]; onChange: (value: string) => void}) {
  return (
    <label className="labelled">
      {label}
      <select className="select" value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
