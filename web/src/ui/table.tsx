import {useState, type ReactNode} from "react";

export interface Column<Row> {
  name: string;
  cell: (row: Row) => ReactNode;
  sort?: (row: Row) => number | string; // columns with it can be sorted by
  number?: boolean;
  className?: string;
}

/// A table that is sorted by its headings; the caller's order until one is chosen.
export function Table<Row>({label, columns, rows, id, limit = 0}: {label: string; columns: Column<Row>[]; rows: Row[]; id: (row: Row) => string; limit?: number}) {
  const [order, setOrder] = useState<{by: number; down: boolean} | null>(null);
  const [all, setAll] = useState(false);
  const by = order ? columns[order.by]?.sort : undefined;
  const sorted = by ? [...rows].sort((a, b) => compare(by(a), by(b)) * (order!.down ? -1 : 1)) : rows;
  const shown = limit > 0 && !all ? sorted.slice(0, limit) : sorted;
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={label}>
      <table className="data">
        <thead>
          <tr>
            {columns.map((column, at) => {
              const here = order?.by === at;
              return (
                <th key={column.name} scope="col" className={column.number ? "number" : ""} aria-sort={here ? (order.down ? "descending" : "ascending") : undefined}>
                  {column.sort ? (
                    <button type="button" onClick={() => setOrder({by: at, down: here ? !order.down : Boolean(column.number)})}>
                      {column.name}
                      {here ? (order.down ? " ↓" : " ↑") : ""}
                    </button>
                  ) : (
                    column.name
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={id(row)}>
              {columns.map((column) => (
                <td key={column.name} className={`${column.number ? "number" : ""} ${column.className ?? ""}`}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < sorted.length && (
        <button type="button" className="button bare more" onClick={() => setAll(true)}>
          Show all {sorted.length}
        </button>
      )}
    </div>
  );
}

function compare(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
