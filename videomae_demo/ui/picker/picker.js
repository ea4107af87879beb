// A row of examples. Titles come from file names, so they go in through textContent.

function render() {
  const items = Array.isArray(props.value) ? props.value : [];
  const buttons = items.map((item, index) => {
    const button = document.createElement("button");
    button.type = "button";
    const picture = document.createElement("img");
    picture.src = item.file.url;
    picture.alt = "";
    const title = document.createElement("span");
    title.textContent = item.title;
    button.append(picture, title);
    button.addEventListener("click", () => trigger("pick", { index }));
    return button;
  });
  element.querySelector(".picker").replaceChildren(...buttons);
}

watch("value", render);
render();
