// Opens what sealed.py seals, finds the files that it names, and says something to a mailbox.

const openValue = () => JSON.parse(props.value);

// Where gradio serves a file of its cache: below the page's own path, whatever stands before it.
const fileUrl = (path) => {
  const root = new URL(window.gradio_config?.root || "/", window.location.href).pathname;
  const names = path.split("/").map(encodeURIComponent).join("/");
  return `${root.replace(/\/$/, "")}/gradio_api/file=${names}`;
};

const say = (name, detail) => window.dispatchEvent(new CustomEvent(name, { detail }));
