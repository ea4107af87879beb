// Moving pictures: all canvases show the same frame of their sheets, at the clip's own pace.

class Moving {
  constructor(canvases) {
    this.canvases = canvases; // by name
    this.sheets = {};
    this.frame = 0;
    this.layout = null; // { frames, height, width, columns }
    this.isStill = false;
  }

  // A sheet takes the place of the last one when it is there, so that nothing flickers.
  async show(name, address) {
    if (!address) {
      delete this.sheets[name];
      this.clear(name);
      return;
    }
    const sheet = new Image();
    sheet.src = address;
    await sheet.decode();
    this.sheets[name] = sheet;
    this.draw();
  }

  clear(name) {
    const canvas = this.canvases[name];
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  draw() {
    if (!this.layout) return;
    const { frames, height, width, columns } = this.layout;
    const at = this.isStill ? Math.floor(frames / 2) : this.frame % frames;
    for (const [name, sheet] of Object.entries(this.sheets)) {
      const canvas = this.canvases[name];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext("2d");
      context.drawImage(sheet, (at % columns) * width, Math.floor(at / columns) * height, width, height, 0, 0, width, height);
    }
  }

  next() {
    if (this.isStill || document.hidden) return;
    this.frame += 1;
    this.draw();
  }
}
