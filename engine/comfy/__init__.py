"""ComfyUI's own formats, as its clients read and write them. No torch, no network."""
