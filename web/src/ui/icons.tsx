// Drawn on a grid of 16 with one stroke; decoration only: the word stands beside, or in the control's label.
const kPaths = {
  map: "M3.5 3.5h3v3h-3zM9.5 9.5h3v3h-3zM9.5 3.5h3v3h-3zM6.5 5h3M11 6.5v3",
  traces: "M2.5 4h7M5.5 8h8M4.5 12h5",
  services: "M2.5 3.5h11v3.5h-11zM2.5 9h11v3.5h-11zM5 5.25h.01M5 10.75h.01",
  access: "M8 1.8l5 1.9v4c0 3-2.1 5.2-5 6.5-2.9-1.3-5-3.5-5-6.5v-4zM5.8 8l1.6 1.6 2.9-3.2",
  back: "M10 3.5L5.5 8l4.5 4.5",
  on: "M6 3.5L10.5 8 6 12.5",
  close: "M4 4l8 8M12 4l-8 8",
  theme: "M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6",
  help: "M5.8 6.1c0-1.4 1-2.2 2.2-2.2s2.2.8 2.2 2c0 1.6-2.2 1.7-2.2 3.3M8 12v.01",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  table: "M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.7h11M6.5 3v10",
} as const;

export function Icon({name, size = 16}: {name: keyof typeof kPaths; size?: number}) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={kPaths[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#1f5f7a" />
      <path d="M8 7v18M16 7v18M24 7v18" stroke="#fff" strokeWidth="2.5" strokeLinecap="round" opacity=".55" />
      <path d="M8 16h16" stroke="#fff" strokeWidth="2.5" strokeLinecap="round" />
      <circle cx="16" cy="16" r="3.6" fill="#ffc46b" />
    </svg>
  );
}
