"""Tiny trainings through the nodes, in a process of their own that a test kills and starts again.

python killed_training.py DATA_FOLDER RESULT.json
"""

import json
import sys
from pathlib import Path

import torch

from latentloom.engine.folders import Folders
from latentloom.engine.learn.data import fingerprint
from latentloom.engine.node.context import SilentContext
from latentloom.nodes.train import train_autoencoder, train_denoiser
from latentloom.nodes.train_data import new_diffusion_model, shape_scenes


class Telling(SilentContext):
    """Prints every step, so that the test knows when to kill; keeps the losses."""

    def progress(self, value, total, **note):
        print(f"{value}/{total}", flush=True)


def main(data: Path, result: Path) -> None:
    torch.set_num_threads(1)
    context = Telling(Folders(data))
    scenes = shape_scenes(size=16, seed=1)
    new = new_diffusion_model(
        unet_width=32, unet_levels="1", unet_attention="1", text_width=64, text_layers=1, vae_width=32,
        vae_levels="1,1,1,1", seed=2, context=context,
    )  # fmt: skip
    vae = train_autoencoder(vae=new.VAE, dataset=scenes, steps=8, batch_size=2, checkpoint_every=3, context=context)
    out = train_denoiser(
        model=new.MODEL, clip=new.CLIP, vae=vae.VAE, dataset=scenes, steps=12, batch_size=2, pool=40,
        checkpoint_every=3, context=context,
    )  # fmt: skip
    networks = {"vae": vae.VAE.network, "unet": out.MODEL.network, "text": out.CLIP.network}
    found = {name: fingerprint(network) for name, network in networks.items()}
    curves = [float(picture.double().sum()) for picture in (vae.curve, out.curve)]
    result.write_text(json.dumps({"weights": found, "curves": curves, "colours": out.MODEL.latent.rgb_factors}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
