// The page about the routes, drawn from the description that programs read.

/** An element with a text and children. */
function make(name, text = "", ...children) {
  const element = document.createElement(name);
  element.textContent = text;
  element.append(...children);
  return element;
}

/** The list of a path's operations, each with what it takes and answers. */
function operations(description, tag) {
  const found = [];
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags?.includes(tag)) {
        const answers = Object.keys(operation.responses).join(", ");
        const about = operation.description ? ` ${operation.description}` : "";
        found.push(
          make("dt", "", make("code", `${method.toUpperCase()} ${path}`)),
          make("dd", `${operation.summary}.${about} Answers: ${answers}.`),
        );
      }
    }
  }
  return found;
}

/** What each error code means, under the anchor that problem documents name. */
function errors(description) {
  const codes = description.components.schemas.ErrorCode;
  const meanings = codes["x-enum-descriptions"] ?? [];
  return codes.enum.flatMap((code, at) => {
    const term = make("dt", "", make("code", code));
    term.id = code;
    return [term, make("dd", meanings[at] ?? "")];
  });
}

const answer = await fetch("/v3/openapi.json");
const description = await answer.json();
const sections = description.tags.map(({ name, description: about }) =>
  make("section", "", make("h2", about), make("dl", "", ...operations(description, name))),
);
const codes = make("section", "", make("h2", "Error codes"), make("dl", "", ...errors(description)));
document.getElementById("docs").replaceChildren(...sections, codes);
document.getElementById(location.hash.slice(1))?.scrollIntoView();
