"""The face that ComfyUI sees when a checkout of this repository lies among its custom nodes."""
