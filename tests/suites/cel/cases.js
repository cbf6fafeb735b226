// cases.js FOLDER: the test data of @bufbuild/cel-spec as a JSON object a line: `id` says where a case stands in the suites, the rest is as
// it is there (a SimpleTest of cel-spec, with what cel-go's parser and checker say of it).
"use strict";

const folder = process.argv[2];

function print(suite, path) {
  const seen = new Map();
  for (const test of suite.tests ?? []) {
    const { original, ...rest } = test;
    const name = (original.name ?? original.expr).replace(/\s+/g, " ").trim();
    const repeated = seen.get(name) ?? 0;
    seen.set(name, repeated + 1);
    const id = `${path}/${name}${repeated ? `#${repeated + 1}` : ""}`;
    console.log(JSON.stringify({ id, ...original, ...rest }));
  }
  for (const inner of suite.suites ?? []) print(inner, `${path}/${inner.name}`);
}

for (const name of ["conformance", "parsing", "checking", "comprehension"]) print(require(`${folder}/${name}.js`).tests, name);
