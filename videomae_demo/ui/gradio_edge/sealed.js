// Opens what sealed.py seals, finds the files that it names, and says something to a mailbox.

const openValue = () => JSON.parse(props.value);

// Where the app lies, without a slash at the end, whatever stands before it.
const rootUrl = () => new URL(window.gradio_config?.root || "/", window.location.href).pathname.replace(/\/$/, "");

// Where gradio serves a file of its cache.
const fileUrl = (path) => `${rootUrl()}/gradio_api/file=${path.split("/").map(encodeURIComponent).join("/")}`;

// The address of a page of the app; "." is the first one.
const pageUrl = (name) => `${rootUrl()}/${name === "." ? "" : name}`;

const say = (name, detail) => window.dispatchEvent(new CustomEvent(name, { detail }));
