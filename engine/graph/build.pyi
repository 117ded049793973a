# ruff: noqa
"""Generated from the node declarations by `make stubs`; do not edit."""

from typing import Any as _Any
from typing import Literal as _Literal

from ..node.registry import Registry as _Registry
from .builder import GraphBuilder as _GraphBuilder
from .builder import Handle, Wire

__all__ = ["Builder", "Handle", "Wire"]

_Handle = Handle
_Wired = Handle | Wire

class _AddNoise(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _BasicGuider(Handle):
    @property
    def GUIDER(self) -> Wire:
        """GUIDER."""

class _BasicScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _BetaSamplingScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _CFGGuider(Handle):
    @property
    def GUIDER(self) -> Wire:
        """GUIDER."""

class _CLIPLoader(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _CLIPMergeAdd(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _CLIPMergeSimple(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _CLIPMergeSubtract(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _CLIPSetLastLayer(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _CLIPTextEncode(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _CLIPTextEncodeFlux(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _CLIPTextEncodeSD3(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _CLIPTextEncodeSDXL(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _CLIPTextEncodeSDXLRefiner(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _Canny(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _CheckpointLoaderSimple(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""
    @property
    def CLIP(self) -> Wire:
        """CLIP."""
    @property
    def VAE(self) -> Wire:
        """VAE."""

class _ConditioningAverage(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningCombine(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningConcat(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningSetArea(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningSetAreaPercentage(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningSetAreaStrength(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningSetMask(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningSetTimestepRange(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ConditioningZeroOut(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ControlNetApply(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _ControlNetApplyAdvanced(Handle):
    @property
    def positive(self) -> Wire:
        """CONDITIONING."""
    @property
    def negative(self) -> Wire:
        """CONDITIONING."""

class _ControlNetApplySD3(Handle):
    @property
    def positive(self) -> Wire:
        """CONDITIONING."""
    @property
    def negative(self) -> Wire:
        """CONDITIONING."""

class _ControlNetInpaintingAliMamaApply(Handle):
    @property
    def positive(self) -> Wire:
        """CONDITIONING."""
    @property
    def negative(self) -> Wire:
        """CONDITIONING."""

class _ControlNetLoader(Handle):
    @property
    def CONTROL_NET(self) -> Wire:
        """CONTROL_NET."""

class _CropMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _DiffControlNetLoader(Handle):
    @property
    def CONTROL_NET(self) -> Wire:
        """CONTROL_NET."""

class _DifferentialDiffusion(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _DiffusersLoader(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""
    @property
    def CLIP(self) -> Wire:
        """CLIP."""
    @property
    def VAE(self) -> Wire:
        """VAE."""

class _DisableNoise(Handle):
    @property
    def NOISE(self) -> Wire:
        """NOISE."""

class _DualCFGGuider(Handle):
    @property
    def GUIDER(self) -> Wire:
        """GUIDER."""

class _DualCLIPLoader(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _EmptyImage(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _EmptyLatentImage(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _EmptySD3LatentImage(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _ExponentialScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _FeatherMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _FlipSigmas(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _FluxGuidance(Handle):
    @property
    def CONDITIONING(self) -> Wire:
        """CONDITIONING."""

class _FreeU(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _FreeU_V2(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _GrowMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _ImageBatch(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageBlend(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageBlur(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageCompositeMasked(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageCrop(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageInvert(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImagePadForOutpaint(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""
    @property
    def MASK(self) -> Wire:
        """MASK. 1 on the border, 0 inside."""

class _ImageScale(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageScaleBy(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageScaleToTotalPixels(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageSharpen(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ImageToMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _ImageUpscaleWithModel(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _InpaintModelConditioning(Handle):
    @property
    def positive(self) -> Wire:
        """CONDITIONING."""
    @property
    def negative(self) -> Wire:
        """CONDITIONING."""
    @property
    def latent(self) -> Wire:
        """LATENT."""

class _InstructPixToPixConditioning(Handle):
    @property
    def positive(self) -> Wire:
        """CONDITIONING."""
    @property
    def negative(self) -> Wire:
        """CONDITIONING."""
    @property
    def latent(self) -> Wire:
        """LATENT. an empty one of the picture's size."""

class _InvertMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _JoinImageWithAlpha(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _KSampler(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _KSamplerAdvanced(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _KSamplerSelect(Handle):
    @property
    def SAMPLER(self) -> Wire:
        """SAMPLER."""

class _KarrasScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _LaplaceScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _LatentBlend(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentComposite(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentCrop(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentFlip(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentFromBatch(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentRotate(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentUpscale(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LatentUpscaleBy(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LoadImage(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""
    @property
    def MASK(self) -> Wire:
        """MASK. 1 where the picture is transparent."""

class _LoadImageMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _LoadImageOutput(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _LoadLatent(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _LoomCaptionedImages(Handle):
    @property
    def DATASET(self) -> Wire:
        """DATASET."""

class _LoomColourPalette(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomDepthFromLight(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomDrawPose(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomDynamicPrompt(Handle):
    @property
    def STRING(self) -> Wire:
        """STRING."""

class _LoomEvaluateShapes(Handle):
    @property
    def report(self) -> Wire:
        """STRING. shares that pass by the soft and by the strict judge, for each kind of caption, as JSON."""
    @property
    def sheet(self) -> Wire:
        """IMAGE. some of the pictures."""
    @property
    def accuracy(self) -> Wire:
        """FLOAT. share of all pictures that pass by the soft judge."""

class _LoomFeaturesToImage(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomGrid(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomImageToFeatures(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomInput(Handle):
    @property
    def value(self) -> Wire:
        """*."""

class _LoomItem(Handle):
    @property
    def item(self) -> Wire:
        """*."""
    @property
    def index(self) -> Wire:
        """INT. 0 for the first item."""

class _LoomLineArt(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomMaskControlNet(Handle):
    @property
    def CONTROL_NET(self) -> Wire:
        """CONTROL_NET."""

class _LoomMaxPool(Handle):
    @property
    def features(self) -> Wire:
        """FEATURES."""
    @property
    def indices(self) -> Wire:
        """POOL_INDICES."""

class _LoomMaxUnpool(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomNewDiffusionModel(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""
    @property
    def CLIP(self) -> Wire:
        """CLIP."""
    @property
    def VAE(self) -> Wire:
        """VAE."""

class _LoomNewUpscaleModel(Handle):
    @property
    def UPSCALE_MODEL(self) -> Wire:
        """UPSCALE_MODEL."""

class _LoomNormalFromLight(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomPhotographs(Handle):
    @property
    def DATASET(self) -> Wire:
        """DATASET."""

class _LoomPixelShuffle(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomPixelUnshuffle(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomResizeArea(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomResizeBicubic(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomResizeBilinear(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomResizeLanczos(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomResizeNearest(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomRewardImage(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomRewardPrompt(Handle):
    @property
    def STRING(self) -> Wire:
        """STRING."""

class _LoomSaveLora(Handle):
    @property
    def COMBO(self) -> Wire:
        """COMBO."""

class _LoomScribble(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomShapeEval(Handle):
    @property
    def score(self) -> Wire:
        """FLOAT. share of the pictures that show everything their caption says."""
    @property
    def report(self) -> Wire:
        """STRING. the figures by kind of caption, and what is wrong with each picture, as JSON."""

class _LoomShapeScenes(Handle):
    @property
    def DATASET(self) -> Wire:
        """DATASET."""

class _LoomSoftEdge(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomTilePreprocessor(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoomTrainControlNet(Handle):
    @property
    def CONTROL_NET(self) -> Wire:
        """CONTROL_NET."""
    @property
    def curve(self) -> Wire:
        """IMAGE."""

class _LoomTrainDiffusion(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""
    @property
    def CLIP(self) -> Wire:
        """CLIP."""
    @property
    def curve(self) -> Wire:
        """IMAGE."""

class _LoomTrainLora(Handle):
    @property
    def LORA_MODEL(self) -> Wire:
        """LORA_MODEL."""
    @property
    def curve(self) -> Wire:
        """IMAGE."""

class _LoomTrainUpscaler(Handle):
    @property
    def UPSCALE_MODEL(self) -> Wire:
        """UPSCALE_MODEL."""
    @property
    def curve(self) -> Wire:
        """IMAGE."""

class _LoomTrainVAE(Handle):
    @property
    def VAE(self) -> Wire:
        """VAE."""
    @property
    def curve(self) -> Wire:
        """IMAGE."""

class _LoomTransposedConvolution(Handle):
    @property
    def FEATURES(self) -> Wire:
        """FEATURES."""

class _LoomUpscaleToSize(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _LoraLoader(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _LoraLoaderModelOnly(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _MaskComposite(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _MaskToImage(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _ModelMergeAdd(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeBlocks(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeFlux1(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSD1(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSD2(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSD35_Large(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSD3_2B(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSDXL(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSimple(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelMergeSubtract(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelSamplingDiscrete(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelSamplingFlux(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _ModelSamplingSD3(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _PerpNeg(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _PerpNegGuider(Handle):
    @property
    def GUIDER(self) -> Wire:
        """GUIDER."""

class _PerturbedAttentionGuidance(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _PolyexponentialScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _PrimitiveBoolean(Handle):
    @property
    def BOOLEAN(self) -> Wire:
        """BOOLEAN."""

class _PrimitiveFloat(Handle):
    @property
    def FLOAT(self) -> Wire:
        """FLOAT."""

class _PrimitiveInt(Handle):
    @property
    def INT(self) -> Wire:
        """INT."""

class _PrimitiveString(Handle):
    @property
    def STRING(self) -> Wire:
        """STRING."""

class _PrimitiveStringMultiline(Handle):
    @property
    def STRING(self) -> Wire:
        """STRING."""

class _RandomNoise(Handle):
    @property
    def NOISE(self) -> Wire:
        """NOISE."""

class _RepeatLatentBatch(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _RescaleCFG(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _SDTurboScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class _SamplerCustom(Handle):
    @property
    def output(self) -> Wire:
        """LATENT. the latent where the schedule ends."""
    @property
    def denoised_output(self) -> Wire:
        """LATENT. the clean latent that the model saw there."""

class _SamplerCustomAdvanced(Handle):
    @property
    def output(self) -> Wire:
        """LATENT. the latent where the schedule ends."""
    @property
    def denoised_output(self) -> Wire:
        """LATENT. the clean latent that the model saw there."""

class _SamplerDPMPP_2M_SDE(Handle):
    @property
    def SAMPLER(self) -> Wire:
        """SAMPLER."""

class _SamplerDPMPP_SDE(Handle):
    @property
    def SAMPLER(self) -> Wire:
        """SAMPLER."""

class _SamplerEulerAncestral(Handle):
    @property
    def SAMPLER(self) -> Wire:
        """SAMPLER."""

class _SetLatentNoiseMask(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _SetUnionControlNetType(Handle):
    @property
    def CONTROL_NET(self) -> Wire:
        """CONTROL_NET."""

class _SkipLayerGuidanceSD3(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _SolidMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _SplitImageWithAlpha(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""
    @property
    def MASK(self) -> Wire:
        """MASK. 1 where transparent; zeros for pictures without alpha."""

class _SplitSigmas(Handle):
    @property
    def high_sigmas(self) -> Wire:
        """SIGMAS."""
    @property
    def low_sigmas(self) -> Wire:
        """SIGMAS."""

class _SplitSigmasDenoise(Handle):
    @property
    def high_sigmas(self) -> Wire:
        """SIGMAS."""
    @property
    def low_sigmas(self) -> Wire:
        """SIGMAS."""

class _ThresholdMask(Handle):
    @property
    def MASK(self) -> Wire:
        """MASK."""

class _TripleCLIPLoader(Handle):
    @property
    def CLIP(self) -> Wire:
        """CLIP."""

class _UNETLoader(Handle):
    @property
    def MODEL(self) -> Wire:
        """MODEL."""

class _UpscaleModelLoader(Handle):
    @property
    def UPSCALE_MODEL(self) -> Wire:
        """UPSCALE_MODEL."""

class _VAEDecode(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _VAEDecodeTiled(Handle):
    @property
    def IMAGE(self) -> Wire:
        """IMAGE."""

class _VAEEncode(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _VAEEncodeForInpaint(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _VAEEncodeTiled(Handle):
    @property
    def LATENT(self) -> Wire:
        """LATENT."""

class _VAELoader(Handle):
    @property
    def VAE(self) -> Wire:
        """VAE."""

class _VPScheduler(Handle):
    @property
    def SIGMAS(self) -> Wire:
        """SIGMAS."""

class Builder(_GraphBuilder):
    def __init__(self, registry: _Registry | None = None) -> None: ...
    def AddNoise(
        self,
        *,
        model: _Wired,
        noise: _Wired,
        sigmas: _Wired,
        latent_image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _AddNoise:
        """Add noise to a latent without sampling it.

        sigmas: the difference of the first and the last is added."""
    def BasicGuider(
        self,
        *,
        model: _Wired,
        conditioning: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _BasicGuider:
        """Follow one prompt, without guidance."""
    def BasicScheduler(
        self,
        *,
        model: _Wired,
        scheduler: _Literal['simple', 'sgm_uniform', 'karras', 'exponential', 'ddim_uniform', 'beta', 'normal', 'linear_quadratic', 'kl_optimal'] | _Wired = 'simple',
        steps: int | _Wired = 20,
        denoise: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _BasicScheduler:
        """Lay out a schedule by its name, over the noise levels of a model.

        denoise: less than 1 takes the last steps of a longer schedule."""
    def BetaSamplingScheduler(
        self,
        *,
        model: _Wired,
        steps: int | _Wired = 20,
        alpha: float | _Wired = 0.6,
        beta: float | _Wired = 0.6,
        _id: str | None = None,
        _title: str = "",
    ) -> _BetaSamplingScheduler:
        """Spread the steps over a model's noise levels as a beta distribution; below 1 both ends get more.

        alpha: its first parameter.
        beta: its second parameter."""
    def CFGGuider(
        self,
        *,
        model: _Wired,
        positive: _Wired,
        negative: _Wired,
        cfg: float | _Wired = 8.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _CFGGuider:
        """Follow a prompt and keep away from another (classifier-free guidance).

        cfg: how strictly; 1 ignores the negative prompt."""
    def CLIPLoader(
        self,
        *,
        clip_name: str | _Wired,
        type: _Literal['stable_diffusion', 'stable_cascade', 'sd3', 'stable_audio', 'mochi', 'ltxv', 'pixart', 'cosmos', 'lumina2', 'wan', 'hidream', 'chroma', 'ace', 'omnigen2', 'qwen_image', 'hunyuan_image'] | _Wired = 'stable_diffusion',
        device: _Literal['default', 'cpu'] | _Wired | None = 'default',
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPLoader:
        """Load a text encoder.

        clip_name: a file of models/text_encoders.
        type: the family of models it serves: stable_diffusion (SD1.x, SD2.x, the SDXL refiner) or sd3; the others are refused.
        device: "cpu" keeps it off the accelerator."""
    def CLIPMergeAdd(
        self,
        *,
        clip1: _Wired,
        clip2: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPMergeAdd:
        """The sum of two text encoders' weights; one of them is usually a difference."""
    def CLIPMergeSimple(
        self,
        *,
        clip1: _Wired,
        clip2: _Wired,
        ratio: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPMergeSimple:
        """Mix the weights of two text encoders of one architecture.

        ratio: share of clip1; 1 is clip1 alone."""
    def CLIPMergeSubtract(
        self,
        *,
        clip1: _Wired,
        clip2: _Wired,
        multiplier: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPMergeSubtract:
        """What sets one text encoder apart from another, to be added to a third.

        multiplier: of the difference clip1 - clip2."""
    def CLIPSave(
        self,
        *,
        clip: _Wired,
        filename_prefix: str | _Wired = 'clip/ComfyUI',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save text encoders, each as a file of its own in the output folder.

        filename_prefix: may hold sub-folders; the encoder's name follows it, and existing files are never overwritten."""
    def CLIPSetLastLayer(
        self,
        *,
        clip: _Wired,
        stop_at_clip_layer: int | _Wired = -1,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPSetLastLayer:
        """Take the text encoder's states from an earlier layer ("clip skip").

        stop_at_clip_layer: -1 is the last layer, -2 the one before it."""
    def CLIPTextEncode(
        self,
        *,
        text: str | _Wired,
        clip: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPTextEncode:
        """Turn a prompt into conditioning that steers a sampler.

        text: plain words; `(word:1.2)` weighs them, `embedding:name` inserts a learned word.
        clip: the text encoder."""
    def CLIPTextEncodeFlux(
        self,
        *,
        clip: _Wired,
        clip_l: str | _Wired,
        t5xxl: str | _Wired,
        guidance: float | _Wired = 3.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPTextEncodeFlux:
        """Turn prompts into conditioning for Flux.

        clip_l: a short prompt, for the whole of the picture.
        t5xxl: a prompt as long as you like, for what is in it.
        guidance: how strictly it follows them."""
    def CLIPTextEncodeSD3(
        self,
        *,
        clip: _Wired,
        clip_l: str | _Wired,
        clip_g: str | _Wired,
        t5xxl: str | _Wired,
        empty_padding: _Literal['none', 'empty_prompt'] | _Wired = 'none',
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPTextEncodeSD3:
        """Turn prompts into conditioning for SD3, one for each text encoder.

        empty_padding: "none" leaves an encoder without a prompt out; "empty_prompt" lets it read the empty one."""
    def CLIPTextEncodeSDXL(
        self,
        *,
        clip: _Wired,
        width: int | _Wired = 1024,
        height: int | _Wired = 1024,
        crop_w: int | _Wired = 0,
        crop_h: int | _Wired = 0,
        target_width: int | _Wired = 1024,
        target_height: int | _Wired = 1024,
        text_g: str | _Wired,
        text_l: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPTextEncodeSDXL:
        """Turn prompts into conditioning for SDXL, and tell it of what size and crop the picture should look.

        width: of the picture it seems cut from, in pixels; small ones look blurred.
        height: of the picture it seems cut from, in pixels.
        crop_w: pixels that seem cut off on the left; 0 centres the subject.
        crop_h: pixels that seem cut off above.
        target_width: of the picture to make, in pixels.
        target_height: of the picture to make, in pixels.
        text_g: for the larger text encoder, OpenCLIP bigG.
        text_l: for the smaller one, CLIP-L."""
    def CLIPTextEncodeSDXLRefiner(
        self,
        *,
        ascore: float | _Wired = 6.0,
        width: int | _Wired = 1024,
        height: int | _Wired = 1024,
        text: str | _Wired,
        clip: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _CLIPTextEncodeSDXLRefiner:
        """Turn a prompt into conditioning for SDXL's refiner, and tell it of what beauty and size the picture should look.

        ascore: beauty; 6 is usual for what the picture should be, 2.5 for what it should not.
        width: of the picture it seems made from, in pixels.
        height: of the picture it seems made from, in pixels."""
    def Canny(
        self,
        *,
        image: _Wired,
        low_threshold: float | _Wired = 0.4,
        high_threshold: float | _Wired = 0.8,
        _id: str | None = None,
        _title: str = "",
    ) -> _Canny:
        """Find edges: thin white lines on black.

        low_threshold: edges above it count where they touch stronger ones.
        high_threshold: edges above it always count."""
    def CheckpointLoaderSimple(
        self,
        *,
        ckpt_name: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _CheckpointLoaderSimple:
        """Load a checkpoint: the diffusion model, its text encoders and its autoencoder.

        ckpt_name: a file of models/checkpoints. SD3's and Flux's may hold no text encoders; load those beside it."""
    def CheckpointSave(
        self,
        *,
        model: _Wired,
        clip: _Wired,
        vae: _Wired,
        filename_prefix: str | _Wired = 'checkpoints/ComfyUI',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save a diffusion model, its text encoders and its autoencoder as one file in the output folder.

        filename_prefix: may hold sub-folders; existing files are never overwritten."""
    def ConditioningAverage(
        self,
        *,
        conditioning_to: _Wired,
        conditioning_from: _Wired,
        conditioning_to_strength: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningAverage:
        """Blend two prompts into one, token by token.

        conditioning_from: its first entry is used.
        conditioning_to_strength: 1 keeps conditioning_to, 0 gives conditioning_from."""
    def ConditioningCombine(
        self,
        *,
        conditioning_1: _Wired,
        conditioning_2: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningCombine:
        """Let both prompts act: predictions are averaged at every step, weighed by strength, area and mask."""
    def ConditioningConcat(
        self,
        *,
        conditioning_to: _Wired,
        conditioning_from: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningConcat:
        """Append the tokens of one prompt to another, so that the model reads both at once.

        conditioning_from: its first entry is used."""
    def ConditioningSetArea(
        self,
        *,
        conditioning: _Wired,
        width: int | _Wired = 64,
        height: int | _Wired = 64,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        strength: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningSetArea:
        """Let a prompt act only inside a rectangle, given in pixels.

        strength: its weight against other prompts that act on the same place."""
    def ConditioningSetAreaPercentage(
        self,
        *,
        conditioning: _Wired,
        width: float | _Wired = 1.0,
        height: float | _Wired = 1.0,
        x: float | _Wired = 0.0,
        y: float | _Wired = 0.0,
        strength: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningSetAreaPercentage:
        """Let a prompt act only inside a rectangle, given in parts of the picture.

        strength: its weight against other prompts that act on the same place."""
    def ConditioningSetAreaStrength(
        self,
        *,
        conditioning: _Wired,
        strength: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningSetAreaStrength:
        """Set a prompt's weight against other prompts that act on the same place."""
    def ConditioningSetMask(
        self,
        *,
        conditioning: _Wired,
        mask: _Wired,
        strength: float | _Wired = 1.0,
        set_cond_area: _Literal['default', 'mask bounds'] | _Wired = 'default',
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningSetMask:
        """Let a prompt act only where a mask is white.

        set_cond_area: "mask bounds" shows the model only the rectangle around the mask."""
    def ConditioningSetTimestepRange(
        self,
        *,
        conditioning: _Wired,
        start: float | _Wired = 0.0,
        end: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningSetTimestepRange:
        """Let a prompt act only during a part of the sampling.

        start: 0 is the first, noisiest step.
        end: 1 is the last step."""
    def ConditioningZeroOut(
        self,
        *,
        conditioning: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ConditioningZeroOut:
        """Set a prompt's numbers to zero: a negative that says nothing at all, not even "empty text"."""
    def ControlNetApply(
        self,
        *,
        conditioning: _Wired,
        control_net: _Wired,
        image: _Wired,
        strength: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ControlNetApply:
        """Let a picture steer a prompt, and the negative prompt with it, during the whole run. Deprecated.

        image: what the ControlNet reads: edges, depth, a pose. Its middle part is used where its shape differs.
        strength: how strongly it steers."""
    def ControlNetApplyAdvanced(
        self,
        *,
        positive: _Wired,
        negative: _Wired,
        control_net: _Wired,
        image: _Wired,
        strength: float | _Wired = 1.0,
        start_percent: float | _Wired = 0.0,
        end_percent: float | _Wired = 1.0,
        vae: _Wired | None = None,
        _id: str | None = None,
        _title: str = "",
    ) -> _ControlNetApplyAdvanced:
        """Let a picture steer both prompts. Apply several, one after the other, and they add up.

        image: what the ControlNet reads: edges, depth, a pose. Its middle part is used where its shape differs.
        strength: how strongly it steers.
        start_percent: from which part of the run on; 0 is the first, noisiest step.
        end_percent: until which part of it.
        vae: for ControlNets that see the picture as a latent, as SD3's do."""
    def ControlNetApplySD3(
        self,
        *,
        positive: _Wired,
        negative: _Wired,
        control_net: _Wired,
        vae: _Wired,
        image: _Wired,
        strength: float | _Wired = 1.0,
        start_percent: float | _Wired = 0.0,
        end_percent: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ControlNetApplySD3:
        """Let a picture steer both prompts, seen as a latent. Apply ControlNet does the same. Deprecated.

        vae: the model's own.
        image: what the ControlNet reads.
        strength: how strongly it steers.
        start_percent: from which part of the run on; 0 is the first, noisiest step.
        end_percent: until which part of it."""
    def ControlNetInpaintingAliMamaApply(
        self,
        *,
        positive: _Wired,
        negative: _Wired,
        control_net: _Wired,
        vae: _Wired,
        image: _Wired,
        mask: _Wired,
        strength: float | _Wired = 1.0,
        start_percent: float | _Wired = 0.0,
        end_percent: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ControlNetInpaintingAliMamaApply:
        """Let an inpainting ControlNet fill the white part of a mask, seeing the picture around it.

        vae: the model's own.
        image: the picture with the hole.
        mask: white is filled.
        strength: how strongly it steers.
        start_percent: from which part of the run on; 0 is the first, noisiest step.
        end_percent: until which part of it."""
    def ControlNetLoader(
        self,
        *,
        control_net_name: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ControlNetLoader:
        """Load a ControlNet.

        control_net_name: a file of models/controlnet."""
    def CropMask(
        self,
        *,
        mask: _Wired,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        _id: str | None = None,
        _title: str = "",
    ) -> _CropMask:
        """Cut a rectangle out of a mask. It ends where the mask ends.

        x: left edge.
        y: top edge."""
    def DiffControlNetLoader(
        self,
        *,
        model: _Wired,
        control_net_name: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _DiffControlNetLoader:
        """Load a ControlNet that may hold only what differs from a model.

        model: the one it was made from.
        control_net_name: a file of models/controlnet."""
    def DifferentialDiffusion(
        self,
        *,
        model: _Wired,
        strength: float | _Wired | None = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _DifferentialDiffusion:
        """Let grey parts of an inpainting mask change less than white ones.

        strength: how much of the effect; 0 is none."""
    def DiffusersLoader(
        self,
        *,
        model_path: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _DiffusersLoader:
        """Load a model in the layout of diffusers: a folder with a sub-folder for each part. Deprecated.

        model_path: a folder of models/diffusers."""
    def DisableNoise(
        self,
        *,
        _id: str | None = None,
        _title: str = "",
    ) -> _DisableNoise:
        """Start a sampler without new noise, for a latent that is noisy already."""
    def DualCFGGuider(
        self,
        *,
        model: _Wired,
        cond1: _Wired,
        cond2: _Wired,
        negative: _Wired,
        cfg_conds: float | _Wired = 8.0,
        cfg_cond2_negative: float | _Wired = 8.0,
        style: _Literal['regular', 'nested'] | _Wired = 'regular',
        _id: str | None = None,
        _title: str = "",
    ) -> _DualCFGGuider:
        """Follow two prompts and keep away from a third, each with its own strength.

        cfg_conds: how far from cond2 towards cond1.
        cfg_cond2_negative: how far from the negative prompt.
        style: how the two differences combine."""
    def DualCLIPLoader(
        self,
        *,
        clip_name1: str | _Wired,
        clip_name2: str | _Wired,
        type: _Literal['sdxl', 'sd3', 'flux', 'hunyuan_video', 'hidream', 'hunyuan_image'] | _Wired = 'sdxl',
        device: _Literal['default', 'cpu'] | _Wired | None = 'default',
        _id: str | None = None,
        _title: str = "",
    ) -> _DualCLIPLoader:
        """Load two text encoders that work together; which is which shows in the files.

        clip_name1: a file of models/text_encoders.
        clip_name2: a file of models/text_encoders.
        type: the family of models they serve: sdxl (CLIP-L and bigG), sd3 (two of CLIP-L, bigG and T5) or flux (CLIP-L and T5); the others are refused.
        device: "cpu" keeps them off the accelerator."""
    def EmptyImage(
        self,
        *,
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        batch_size: int | _Wired = 1,
        color: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _EmptyImage:
        """Make pictures of one colour.

        color: as a number, 0xRRGGBB."""
    def EmptyLatentImage(
        self,
        *,
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        batch_size: int | _Wired = 1,
        _id: str | None = None,
        _title: str = "",
    ) -> _EmptyLatentImage:
        """Make an empty latent: where a picture from text alone begins. It says how large and how many.

        width: of the picture, in pixels.
        height: of the picture, in pixels.
        batch_size: how many pictures to make at once."""
    def EmptySD3LatentImage(
        self,
        *,
        width: int | _Wired = 1024,
        height: int | _Wired = 1024,
        batch_size: int | _Wired = 1,
        _id: str | None = None,
        _title: str = "",
    ) -> _EmptySD3LatentImage:
        """Make an empty latent of 16 channels, for SD3 and Flux.

        width: of the picture, in pixels.
        height: of the picture, in pixels.
        batch_size: how many pictures to make at once."""
    def ExponentialScheduler(
        self,
        *,
        steps: int | _Wired = 20,
        sigma_max: float | _Wired = 14.614642,
        sigma_min: float | _Wired = 0.0291675,
        _id: str | None = None,
        _title: str = "",
    ) -> _ExponentialScheduler:
        """Divide the noise by the same factor at every step."""
    def FeatherMask(
        self,
        *,
        mask: _Wired,
        left: int | _Wired = 0,
        top: int | _Wired = 0,
        right: int | _Wired = 0,
        bottom: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _FeatherMask:
        """Fade a mask towards its edges, over so many pixels from each side."""
    def FlipSigmas(
        self,
        *,
        sigmas: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _FlipSigmas:
        """Turn a schedule round, to add noise step by step instead of removing it."""
    def FluxGuidance(
        self,
        *,
        conditioning: _Wired,
        guidance: float | _Wired = 3.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _FluxGuidance:
        """Set how strictly Flux follows a prompt.

        guidance: 3.5 is usual; less is freer."""
    def FreeU(
        self,
        *,
        model: _Wired,
        b1: float | _Wired = 1.1,
        b2: float | _Wired = 1.2,
        s1: float | _Wired = 0.9,
        s2: float | _Wired = 0.2,
        _id: str | None = None,
        _title: str = "",
    ) -> _FreeU:
        """Bring more structure and less noise into the pictures of a UNet, at no cost.

        b1: strength of the deepest stage; 1 changes nothing.
        b2: strength of the stage above it.
        s1: share of coarse detail that reaches the deepest stage from the way down; 1 changes nothing.
        s2: the same for the stage above it."""
    def FreeU_V2(
        self,
        *,
        model: _Wired,
        b1: float | _Wired = 1.3,
        b2: float | _Wired = 1.4,
        s1: float | _Wired = 0.9,
        s2: float | _Wired = 0.2,
        _id: str | None = None,
        _title: str = "",
    ) -> _FreeU_V2:
        """Bring more structure and less noise into the pictures of a UNet, most where there is most to see.

        b1: strength of the deepest stage; 1 changes nothing.
        b2: strength of the stage above it.
        s1: share of coarse detail that reaches the deepest stage from the way down; 1 changes nothing.
        s2: the same for the stage above it."""
    def GrowMask(
        self,
        *,
        mask: _Wired,
        expand: int | _Wired = 0,
        tapered_corners: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _GrowMask:
        """Make the selected part larger, or smaller when negative.

        expand: by how many pixels.
        tapered_corners: cut the corners instead of growing in squares."""
    def ImageBatch(
        self,
        *,
        image1: _Wired,
        image2: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageBatch:
        """Join two batches of pictures.

        image2: resized, and given an opaque alpha channel, when it differs from image1."""
    def ImageBlend(
        self,
        *,
        image1: _Wired,
        image2: _Wired,
        blend_factor: float | _Wired = 0.5,
        blend_mode: _Literal['normal', 'multiply', 'screen', 'overlay', 'soft_light', 'difference'] | _Wired = 'normal',
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageBlend:
        """Blend one picture over another.

        image2: the upper picture; resized when its size differs.
        blend_factor: 0 gives image1, 1 the blend.
        blend_mode: how the colours combine."""
    def ImageBlur(
        self,
        *,
        image: _Wired,
        blur_radius: int | _Wired = 1,
        sigma: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageBlur:
        """Soften a picture.

        blur_radius: how far it looks, in pixels.
        sigma: how evenly it weighs what it sees, in units of the radius."""
    def ImageCompositeMasked(
        self,
        *,
        destination: _Wired,
        source: _Wired,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        resize_source: bool | _Wired = False,
        mask: _Wired | None = None,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageCompositeMasked:
        """Paste one picture onto another.

        x: left edge of the paste, in pixels.
        y: top edge of the paste, in pixels.
        resize_source: fit the source to the destination first.
        mask: only its white part is pasted."""
    def ImageCrop(
        self,
        *,
        image: _Wired,
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageCrop:
        """Cut a rectangle out of pictures. It ends where the picture ends.

        x: left edge.
        y: top edge."""
    def ImageInvert(
        self,
        *,
        image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageInvert:
        """Turn light into dark and every colour into its opposite."""
    def ImagePadForOutpaint(
        self,
        *,
        image: _Wired,
        left: int | _Wired = 0,
        top: int | _Wired = 0,
        right: int | _Wired = 0,
        bottom: int | _Wired = 0,
        feathering: int | _Wired = 40,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImagePadForOutpaint:
        """Put a grey border around a picture, for a model to fill.

        feathering: how far the mask fades into the picture, in pixels."""
    def ImageScale(
        self,
        *,
        image: _Wired,
        upscale_method: _Literal['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos'] | _Wired = 'nearest-exact',
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        crop: _Literal['disabled', 'center'] | _Wired = 'disabled',
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageScale:
        """Resize pictures.

        width: in pixels; 0 keeps the aspect ratio, and 0 for both changes nothing.
        height: in pixels; 0 keeps the aspect ratio.
        crop: "center" cuts the sides off instead of distorting."""
    def ImageScaleBy(
        self,
        *,
        image: _Wired,
        upscale_method: _Literal['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos'] | _Wired = 'nearest-exact',
        scale_by: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageScaleBy:
        """Resize pictures by a factor.

        scale_by: 2 makes them twice as wide and twice as high."""
    def ImageScaleToTotalPixels(
        self,
        *,
        image: _Wired,
        upscale_method: _Literal['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos'] | _Wired = 'nearest-exact',
        megapixels: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageScaleToTotalPixels:
        """Resize pictures to a number of pixels, keeping the aspect ratio.

        megapixels: 1 is 1024 x 1024."""
    def ImageSharpen(
        self,
        *,
        image: _Wired,
        sharpen_radius: int | _Wired = 1,
        sigma: float | _Wired = 1.0,
        alpha: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageSharpen:
        """Strengthen what differs from its surroundings.

        sharpen_radius: how far it looks, in pixels.
        sigma: how evenly it weighs what it sees, in units of the radius.
        alpha: how much; 0 changes nothing."""
    def ImageToMask(
        self,
        *,
        image: _Wired,
        channel: _Literal['red', 'green', 'blue', 'alpha'] | _Wired = 'red',
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageToMask:
        """Take one channel of a picture as a mask.

        channel: a picture without alpha counts as opaque."""
    def ImageUpscaleWithModel(
        self,
        *,
        upscale_model: _Wired,
        image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ImageUpscaleWithModel:
        """Enlarge pictures by the factor of an upscale model, in tiles; the tiles shrink when memory runs out."""
    def InpaintModelConditioning(
        self,
        *,
        positive: _Wired,
        negative: _Wired,
        vae: _Wired,
        pixels: _Wired,
        mask: _Wired,
        noise_mask: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _InpaintModelConditioning:
        """Show an inpainting model the picture around the hole it is to fill.

        mask: white is filled; resized when its size differs.
        noise_mask: also keep the sampler from changing anything outside the mask."""
    def InstructPixToPixConditioning(
        self,
        *,
        positive: _Wired,
        negative: _Wired,
        vae: _Wired,
        pixels: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _InstructPixToPixConditioning:
        """Show an instruct-pix2pix model the picture that the prompt tells it to change.

        pixels: cut, around the centre, to whole latent cells."""
    def InvertMask(
        self,
        *,
        mask: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _InvertMask:
        """Select what was not selected."""
    def JoinImageWithAlpha(
        self,
        *,
        image: _Wired,
        alpha: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _JoinImageWithAlpha:
        """Give pictures an alpha channel.

        alpha: 1 becomes transparent; resized when its size differs."""
    def KSampler(
        self,
        *,
        model: _Wired,
        seed: int | _Wired = 0,
        steps: int | _Wired = 20,
        cfg: float | _Wired = 8.0,
        sampler_name: _Literal['euler', 'euler_ancestral', 'heun', 'dpm_2', 'dpm_2_ancestral', 'lms', 'dpm_fast', 'dpm_adaptive', 'dpmpp_2s_ancestral', 'dpmpp_sde', 'dpmpp_sde_gpu', 'dpmpp_2m', 'dpmpp_2m_sde', 'dpmpp_2m_sde_gpu', 'dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun_gpu', 'dpmpp_3m_sde', 'dpmpp_3m_sde_gpu', 'ddpm', 'lcm', 'er_sde', 'ddim', 'uni_pc', 'uni_pc_bh2'] | _Wired = 'euler',
        scheduler: _Literal['simple', 'sgm_uniform', 'karras', 'exponential', 'ddim_uniform', 'beta', 'normal', 'linear_quadratic', 'kl_optimal'] | _Wired = 'simple',
        positive: _Wired,
        negative: _Wired,
        latent_image: _Wired,
        denoise: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _KSampler:
        """Make a picture: remove noise from a latent, step by step, towards a prompt.

        model: removes the noise.
        seed: the noise it starts from; the same seed gives the same picture.
        steps: more take longer and are more exact.
        cfg: how strictly it follows the prompt; 1 ignores the negative one.
        sampler_name: the method that takes the steps.
        scheduler: how the noise is spread over the steps.
        positive: what the picture should show.
        negative: what it should not show.
        latent_image: an empty latent, or a picture to change.
        denoise: 1 draws anew; less keeps more of the picture given."""
    def KSamplerAdvanced(
        self,
        *,
        model: _Wired,
        add_noise: _Literal['enable', 'disable'] | _Wired = 'enable',
        noise_seed: int | _Wired = 0,
        steps: int | _Wired = 20,
        cfg: float | _Wired = 8.0,
        sampler_name: _Literal['euler', 'euler_ancestral', 'heun', 'dpm_2', 'dpm_2_ancestral', 'lms', 'dpm_fast', 'dpm_adaptive', 'dpmpp_2s_ancestral', 'dpmpp_sde', 'dpmpp_sde_gpu', 'dpmpp_2m', 'dpmpp_2m_sde', 'dpmpp_2m_sde_gpu', 'dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun_gpu', 'dpmpp_3m_sde', 'dpmpp_3m_sde_gpu', 'ddpm', 'lcm', 'er_sde', 'ddim', 'uni_pc', 'uni_pc_bh2'] | _Wired = 'euler',
        scheduler: _Literal['simple', 'sgm_uniform', 'karras', 'exponential', 'ddim_uniform', 'beta', 'normal', 'linear_quadratic', 'kl_optimal'] | _Wired = 'simple',
        positive: _Wired,
        negative: _Wired,
        latent_image: _Wired,
        start_at_step: int | _Wired = 0,
        end_at_step: int | _Wired = 10000,
        return_with_leftover_noise: _Literal['disable', 'enable'] | _Wired = 'disable',
        _id: str | None = None,
        _title: str = "",
    ) -> _KSamplerAdvanced:
        """Take a part of the steps, so that several samplers can share one run.

        add_noise: "disable" for a latent that is noisy already.
        noise_seed: the noise it starts from.
        start_at_step: the first step taken; steps before it count as done.
        end_at_step: the first step left out.
        return_with_leftover_noise: "enable" hands on what noise is left for the next sampler."""
    def KSamplerSelect(
        self,
        *,
        sampler_name: _Literal['euler', 'euler_ancestral', 'heun', 'dpm_2', 'dpm_2_ancestral', 'lms', 'dpm_fast', 'dpm_adaptive', 'dpmpp_2s_ancestral', 'dpmpp_sde', 'dpmpp_sde_gpu', 'dpmpp_2m', 'dpmpp_2m_sde', 'dpmpp_2m_sde_gpu', 'dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun_gpu', 'dpmpp_3m_sde', 'dpmpp_3m_sde_gpu', 'ddpm', 'lcm', 'er_sde', 'ddim', 'uni_pc', 'uni_pc_bh2'] | _Wired = 'euler',
        _id: str | None = None,
        _title: str = "",
    ) -> _KSamplerSelect:
        """Choose a sampler by its name."""
    def KarrasScheduler(
        self,
        *,
        steps: int | _Wired = 20,
        sigma_max: float | _Wired = 14.614642,
        sigma_min: float | _Wired = 0.0291675,
        rho: float | _Wired = 7.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _KarrasScheduler:
        """Karras' schedule: many small steps where there is little noise.

        rho: how strongly it favours low noise."""
    def LaplaceScheduler(
        self,
        *,
        steps: int | _Wired = 20,
        sigma_max: float | _Wired = 14.614642,
        sigma_min: float | _Wired = 0.0291675,
        mu: float | _Wired = 0.0,
        beta: float | _Wired = 0.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _LaplaceScheduler:
        """Spread the steps as a Laplace distribution over the logarithm of the noise. It ends at sigma_min, not at 0.

        mu: where most steps lie.
        beta: how widely they are spread."""
    def LatentBlend(
        self,
        *,
        samples1: _Wired,
        samples2: _Wired,
        blend_factor: float | _Wired = 0.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentBlend:
        """Blend two latents linearly.

        samples2: resized when its size differs.
        blend_factor: weight of samples1; 1 gives samples1, 0 gives samples2."""
    def LatentComposite(
        self,
        *,
        samples_to: _Wired,
        samples_from: _Wired,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        feather: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentComposite:
        """Paste one latent into another.

        x: left edge of the paste, in pixels.
        y: top edge of the paste, in pixels.
        feather: width of the soft border in pixels; edges that lie on the picture's own border stay hard."""
    def LatentCrop(
        self,
        *,
        samples: _Wired,
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentCrop:
        """Cut a rectangle, given in pixels, out of a latent. It ends where the latent ends."""
    def LatentFlip(
        self,
        *,
        samples: _Wired,
        flip_method: _Literal['x-axis: vertically', 'y-axis: horizontally'] | _Wired = 'x-axis: vertically',
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentFlip:
        """Mirror a latent.

        flip_method: about which axis."""
    def LatentFromBatch(
        self,
        *,
        samples: _Wired,
        batch_index: int | _Wired = 0,
        length: int | _Wired = 1,
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentFromBatch:
        """Take some latents out of a batch. Sampled again with the same seed they draw the same noise.

        batch_index: the first one; counted from 0.
        length: how many."""
    def LatentRotate(
        self,
        *,
        samples: _Wired,
        rotation: _Literal['none', '90 degrees', '180 degrees', '270 degrees'] | _Wired = 'none',
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentRotate:
        """Turn a latent clockwise.

        rotation: by how much."""
    def LatentUpscale(
        self,
        *,
        samples: _Wired,
        upscale_method: _Literal['nearest-exact', 'bilinear', 'area', 'bicubic', 'bislerp'] | _Wired = 'nearest-exact',
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        crop: _Literal['disabled', 'center'] | _Wired = 'disabled',
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentUpscale:
        """Resize a latent, for instance between two sampling passes.

        width: of the picture, in pixels; 0 keeps the aspect ratio, and 0 for both changes nothing.
        height: of the picture, in pixels; 0 keeps the aspect ratio.
        crop: "center" cuts the sides off instead of distorting."""
    def LatentUpscaleBy(
        self,
        *,
        samples: _Wired,
        upscale_method: _Literal['nearest-exact', 'bilinear', 'area', 'bicubic', 'bislerp'] | _Wired = 'nearest-exact',
        scale_by: float | _Wired = 1.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _LatentUpscaleBy:
        """Resize a latent by a factor.

        scale_by: 2 makes it twice as wide and twice as high."""
    def LoadImage(
        self,
        *,
        image: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoadImage:
        """Load a picture from the input folder; an animation becomes a batch.

        image: a file of the input folder; "name.png [output]" takes it from the output folder."""
    def LoadImageMask(
        self,
        *,
        image: str | _Wired,
        channel: _Literal['alpha', 'red', 'green', 'blue'] | _Wired = 'alpha',
        _id: str | None = None,
        _title: str = "",
    ) -> _LoadImageMask:
        """Load one channel of a picture as a mask.

        image: a file of the input folder.
        channel: "alpha" gives 1 where the picture is transparent."""
    def LoadImageOutput(
        self,
        *,
        image: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoadImageOutput:
        """Load a picture that was saved before.

        image: a file of the output folder."""
    def LoadLatent(
        self,
        *,
        latent: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoadLatent:
        """Load latents from a file of the input folder.

        latent: a `.latent` file."""
    def LoomCaptionedImages(
        self,
        *,
        images: _Wired,
        captions: str | _Wired = '',
        mirrored: bool | _Wired = False,
        seed: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomCaptionedImages:
        """A data set of pictures with captions, drawn again and again in another order.

        images: square pictures, as large as those that will be drawn.
        captions: a line for each picture, or one line for all of them.
        mirrored: half of them are mirrored; for subjects where left and right mean nothing.
        seed: another seed gives another order."""
    def LoomColourPalette(
        self,
        *,
        image: _Wired,
        cells: int | _Wired = 64,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomColourPalette:
        """Reduce a picture to blocks of its mean colours.

        cells: side of a block in pixels."""
    def LoomDepthFromLight(
        self,
        *,
        image: _Wired,
        radius: float | _Wired = 4.0,
        invert: bool | _Wired = False,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomDepthFromLight:
        """Guess depth from brightness: bright is near. A network that knows scenes does it better; this one needs none.

        radius: of the smoothing, in pixels.
        invert: dark is near instead."""
    def LoomDrawPose(
        self,
        *,
        keypoints: str | _Wired = '',
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        hands: bool | _Wired = True,
        face: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomDrawPose:
        """Draw skeletons of people from key points, as pose ControlNets read them.

        keypoints: OpenPose's JSON, one picture or a list of them: "people" with "pose_keypoints_2d", 18 or 25 points as x, y, confidence; in pixels of "canvas_width" by "canvas_height", or as shares of the picture.
        hands: also draw "hand_left_keypoints_2d" and "hand_right_keypoints_2d".
        face: also draw "face_keypoints_2d"."""
    def LoomDynamicPrompt(
        self,
        *,
        text: str | _Wired,
        seed: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomDynamicPrompt:
        """Pick one option of every {a|b} in a text. The same text and seed always give the same result.

        text: options may be nested; // and /* */ are comments; a backslash keeps a brace as it is.
        seed: chooses the options."""
    def LoomEvaluateShapes(
        self,
        *,
        model: _Wired,
        clip: _Wired,
        vae: _Wired,
        captions: int | _Wired = 100,
        seeds: int | _Wired = 2,
        first_seed: int | _Wired = 1,
        steps: int | _Wired = 20,
        cfg: float | _Wired = 3.5,
        sampler_name: _Literal['euler', 'euler_ancestral', 'heun', 'dpm_2', 'dpm_2_ancestral', 'lms', 'dpm_fast', 'dpm_adaptive', 'dpmpp_2s_ancestral', 'dpmpp_sde', 'dpmpp_sde_gpu', 'dpmpp_2m', 'dpmpp_2m_sde', 'dpmpp_2m_sde_gpu', 'dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun_gpu', 'dpmpp_3m_sde', 'dpmpp_3m_sde_gpu', 'ddpm', 'lcm', 'er_sde', 'ddim', 'uni_pc', 'uni_pc_bh2'] | _Wired = 'euler',
        scheduler: _Literal['simple', 'sgm_uniform', 'karras', 'exponential', 'ddim_uniform', 'beta', 'normal', 'linear_quadratic', 'kl_optimal'] | _Wired = 'normal',
        size: int | _Wired = 64,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomEvaluateShapes:
        """Examine a model: draw captions it never saw and let the judge compare each picture with its caption.

        model: draws.
        clip: reads the captions.
        vae: turns latents into pictures.
        captions: of each kind: one object, two objects, a relation of two. A tenth names a pair of colour and shape that training never shows.
        seeds: noise seeds; all captions are drawn once with each.
        first_seed: the first of them.
        steps: of the sampler.
        cfg: how strictly the captions are followed.
        sampler_name: the method that takes the steps.
        scheduler: how the noise is spread over the steps.
        size: side of the pictures in pixels."""
    def LoomFeaturesToImage(
        self,
        *,
        features: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomFeaturesToImage:
        """Make pictures of feature maps with 1, 3 or 4 channels; what lies outside 0 to 1 is cut off."""
    def LoomForEach(
        self,
        *,
        items: _Any | _Wired,
        body: _Any | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Run the graph above `body` once per item, the item in the place of Loop Item; hand on the list of results.

        items: a list on a wire, item by item, or a written list of texts or numbers.
        body: the end of the graph to repeat. What does not depend on the item runs once."""
    def LoomGrid(
        self,
        *,
        image: _Any | _Wired,
        x_input: str | _Wired = '',
        x_values: str | _Wired = '',
        y_input: str | _Wired = '',
        y_values: str | _Wired = '',
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomGrid:
        """Run the graph above `image` for every value of one input, or every pair of two; hand on a labelled sheet.

        image: the end of the graph; it must give a picture. What does not depend on the values runs once.
        x_input: the input that changes from column to column, NODE.INPUT; NODE is an id, or a title or class that is found once.
        x_values: one per line, or separated by commas.
        y_input: the input that changes from row to row; empty for a single row.
        y_values: as x_values."""
    def LoomIf(
        self,
        *,
        condition: bool | _Wired = True,
        on_true: _Any | _Wired | None = None,
        on_false: _Any | _Wired | None = None,
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Hand on one of two values; what makes the other one never runs.

        condition: true hands on `on_true`, false `on_false`."""
    def LoomImageToFeatures(
        self,
        *,
        image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomImageToFeatures:
        """Make feature maps of pictures: one channel for each colour, in 0 to 1."""
    def LoomInput(
        self,
        *,
        name: str | _Wired = 'input',
        type: _Literal['auto', 'STRING', 'INT', 'FLOAT', 'BOOLEAN', 'COMBO', 'IMAGE', 'MASK'] | _Wired = 'auto',
        default: str | _Wired = '',
        range: str | _Wired = '',
        options: str | _Wired = '',
        description: str | _Wired = '',
        otherwise: _Any | _Wired | None = None,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomInput:
        """Mark a value that whoever runs the workflow may give: `latentloom run FILE --name VALUE`.

        name: begins with a letter; letters, digits, "_" and "-"; only once in a workflow.
        type: "auto" takes it, with its range and choices, from the input that it feeds.
        default: stands where nothing is given. Without one the value must be given.
        range: of numbers, "1..100", "0.." or "..1".
        options: what may be chosen, one a line.
        description: one line for whoever runs it.
        otherwise: what is handed on when nothing is given; comes before `default`."""
    def LoomItem(
        self,
        *,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomItem:
        """Stand for the item of the loop that the graph below leads into."""
    def LoomLineArt(
        self,
        *,
        image: _Wired,
        radius: float | _Wired = 1.0,
        threshold: float | _Wired = 0.05,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomLineArt:
        """Draw a picture's dark strokes and outlines as white lines on black.

        radius: width of a line in pixels.
        threshold: how much darker than its surroundings a line must be."""
    def LoomMaskControlNet(
        self,
        *,
        control_net: _Wired,
        mask: _Wired,
        invert: bool | _Wired = False,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomMaskControlNet:
        """Let a ControlNet act only where a mask is white, and in part where it is grey.

        mask: stretched to the picture; several go to the pictures of a batch in turn.
        invert: act where it is black instead."""
    def LoomMaxPool(
        self,
        *,
        features: _Wired,
        kernel_size: int | _Wired = 2,
        stride: int | _Wired = 0,
        padding: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomMaxPool:
        """Keep the largest number of each window, and where it was.

        kernel_size: side of a window.
        stride: how far apart the windows lie; 0 takes the side of a window.
        padding: cells around the map that never win."""
    def LoomMaxUnpool(
        self,
        *,
        features: _Wired,
        indices: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomMaxUnpool:
        """Put numbers back where max-pooling found them, and 0 elsewhere.

        indices: of the pooling that made the map small.
        width: of the result; 0 takes the width from before pooling.
        height: of the result; 0 takes the height from before pooling."""
    def LoomNewDiffusionModel(
        self,
        *,
        unet_width: int | _Wired = 128,
        unet_levels: str | _Wired = '1,1',
        unet_attention: str | _Wired = '2,1',
        unet_blocks: int | _Wired = 1,
        text_width: int | _Wired = 128,
        text_layers: int | _Wired = 3,
        vae_width: int | _Wired = 64,
        vae_levels: str | _Wired = '1,1,1,2',
        prediction: _Literal['v', 'eps'] | _Wired = 'v',
        seed: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomNewDiffusionModel:
        """Untrained networks in the layout of Stable Diffusion 1.x, of any size: denoiser, text encoder, autoencoder.

        unet_width: of the denoiser's first level; Stable Diffusion has 320.
        unet_levels: width of each level in multiples of the first; each level after the first halves the latent. Stable Diffusion has 1,2,4,4.
        unet_attention: layers that look at the text, for each level; Stable Diffusion has 1,1,1,0.
        unet_blocks: residual blocks of a level; Stable Diffusion has 2.
        text_width: of the text encoder; Stable Diffusion has 768.
        text_layers: of the text encoder; Stable Diffusion has 12.
        vae_width: of the autoencoder's first level; below 64 it cannot hold flat colours. Stable Diffusion has 128.
        vae_levels: width of the autoencoder's four levels in multiples of the first.
        prediction: what the denoiser learns to give. "v" comes with zero terminal SNR and draws plain backgrounds well; "eps" is Stable Diffusion's own.
        seed: of the weights they start from."""
    def LoomNewUpscaleModel(
        self,
        *,
        scale: int | _Wired = 2,
        width: int | _Wired = 32,
        layers: int | _Wired = 8,
        seed: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomNewUpscaleModel:
        """An untrained upscale model in the layout of Real-ESRGAN's compact network.

        scale: how many times wider and higher it makes pictures. With 2 it starts as bilinear interpolation.
        width: channels of each layer; the published ones have 64.
        layers: between the first and the last; the published ones have 16 or 32.
        seed: of the weights it starts from."""
    def LoomNormalFromLight(
        self,
        *,
        image: _Wired,
        strength: float | _Wired = 4.0,
        radius: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomNormalFromLight:
        """Guess a surface's normals from brightness, bright being high: red points right, green up, blue to the viewer.

        strength: how steep it is.
        radius: of the smoothing before, in pixels."""
    def LoomOutput(
        self,
        *,
        name: str | _Wired = 'output',
        value: _Any | _Wired,
        description: str | _Wired = '',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Mark a result of the workflow: pictures and masks are saved under the name, other values are shown.

        name: as of Workflow Input; files are called so.
        description: one line for whoever runs it."""
    def LoomPhotographs(
        self,
        *,
        folder: str | _Wired = 'photographs',
        size: int | _Wired = 64,
        turned: bool | _Wired = True,
        seed: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomPhotographs:
        """An endless data set of square crops of the pictures in a folder, without captions.

        folder: inside the input folder; empty takes all pictures of it. Pictures smaller than a crop are left out.
        size: side of a crop in pixels.
        turned: crops are also turned, mirrored, and given another order of colours.
        seed: another seed gives other crops."""
    def LoomPixelShuffle(
        self,
        *,
        features: _Wired,
        factor: int | _Wired = 2,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomPixelShuffle:
        """Turn groups of channels into pixels: a map becomes larger and has fewer channels.

        factor: how many times wider and higher; its square divides the channels."""
    def LoomPixelUnshuffle(
        self,
        *,
        features: _Wired,
        factor: int | _Wired = 2,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomPixelUnshuffle:
        """Turn pixels into groups of channels: a map becomes smaller and has more channels.

        factor: how many times narrower and lower; it divides both sides."""
    def LoomResizeArea(
        self,
        *,
        features: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        scale_by: float | _Wired = 0.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomResizeArea:
        """Resize feature maps by the average of what each new cell covers.

        width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        scale_by: 2 makes them twice as wide and twice as high, where width and height are 0."""
    def LoomResizeBicubic(
        self,
        *,
        features: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        scale_by: float | _Wired = 2.0,
        align_corners: bool | _Wired = False,
        antialias: bool | _Wired = False,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomResizeBicubic:
        """Resize feature maps with cubic pieces through four neighbours, which may overshoot.

        width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
        align_corners: the outermost numbers' centres stay where they are.
        antialias: averages when shrinking, and takes Pillow's softer curve (a = -0.5 instead of -0.75)."""
    def LoomResizeBilinear(
        self,
        *,
        features: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        scale_by: float | _Wired = 2.0,
        align_corners: bool | _Wired = False,
        antialias: bool | _Wired = False,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomResizeBilinear:
        """Resize feature maps linearly between neighbours.

        width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
        align_corners: the outermost numbers' centres stay where they are.
        antialias: averages when shrinking, as Pillow does."""
    def LoomResizeLanczos(
        self,
        *,
        features: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        scale_by: float | _Wired = 2.0,
        lobes: int | _Wired = 3,
        clip: bool | _Wired = False,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomResizeLanczos:
        """Resize feature maps with a windowed sinc, widened when shrinking.

        width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
        lobes: of the window on each side; more are sharper and ring more. Pillow has 3.
        clip: cuts off what lies outside 0 to 1, as for pictures."""
    def LoomResizeNearest(
        self,
        *,
        features: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        scale_by: float | _Wired = 2.0,
        exact: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomResizeNearest:
        """Resize feature maps by repeating or leaving out numbers.

        width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
        scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
        exact: takes the number whose centre is nearest, as Pillow does; off, the one at the upper left."""
    def LoomRewardImage(
        self,
        *,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomRewardImage:
        """Stand for the pictures that a trainer wants judged."""
    def LoomRewardPrompt(
        self,
        *,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomRewardPrompt:
        """Stand for the prompts of the pictures that a trainer wants judged."""
    def LoomSaveControlNet(
        self,
        *,
        control_net: _Wired,
        filename_prefix: str | _Wired = 'controlnet/ComfyUI',
        precision: _Literal['fp16', 'fp32', 'fp8'] | _Wired = 'fp16',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save a ControlNet as a file in the output folder, in the layout that other programs read.

        filename_prefix: may hold sub-folders; existing files are never overwritten.
        precision: of the weights in the file; "fp8" stores what was copied of the model in 8 bits."""
    def LoomSaveLora(
        self,
        *,
        lora: _Wired,
        name: str | _Wired = 'trained',
        precision: _Literal['fp16', 'fp32'] | _Wired = 'fp16',
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomSaveLora:
        """Save a LoRA in models/loras and hand on the name of its file, which Load LoRA takes along a wire.

        name: how the file's name begins; may hold sub-folders. The rest tells its contents, so the same LoRA is one file.
        precision: of the weights in the file; "fp16" halves its size."""
    def LoomSaveUpscaleModel(
        self,
        *,
        upscale_model: _Wired,
        filename_prefix: str | _Wired = 'upscale_models/ComfyUI',
        precision: _Literal['fp16', 'fp32'] | _Wired = 'fp16',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save an upscale model as a file in the output folder.

        filename_prefix: may hold sub-folders; existing files are never overwritten.
        precision: of the weights in the file; "fp16" halves its size."""
    def LoomScribble(
        self,
        *,
        image: _Wired,
        width: int | _Wired = 5,
        detail: float | _Wired = 0.3,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomScribble:
        """Turn a picture into broad strokes, as if drawn by hand.

        width: of the strokes in pixels.
        detail: how strong an edge must be; lower draws weaker ones too."""
    def LoomShapeEval(
        self,
        *,
        images: _Wired,
        captions: str | _Wired,
        mode: _Literal['soft', 'strict'] | _Wired = 'soft',
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomShapeEval:
        """Judge pictures of simple shapes: find objects, colours, sizes and places, and compare them with the captions.

        captions: one line for each picture, or one line for all.
        mode: "strict" also refuses blurred outlines."""
    def LoomShapeScenes(
        self,
        *,
        size: int | _Wired = 64,
        seed: int | _Wired = 0,
        split: _Literal['train', 'test'] | _Wired = 'train',
        keep_unplaced: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomShapeScenes:
        """An endless data set of drawn scenes: coloured shapes on plain backgrounds, each with a caption.

        size: side of each picture in pixels.
        seed: another seed gives other scenes.
        split: "train" never shows the pairs of colour and shape that examinations ask for.
        keep_unplaced: share kept of the scenes whose captions say nothing of place; fewer teach place sooner."""
    def LoomSoftEdge(
        self,
        *,
        image: _Wired,
        radius: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomSoftEdge:
        """Find edges as soft lines, the stronger the whiter.

        radius: of the smoothing before, in pixels; larger leaves fine detail out."""
    def LoomTilePreprocessor(
        self,
        *,
        image: _Wired,
        radius: float | _Wired = 2.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTilePreprocessor:
        """Take fine detail out of a picture, for a "tile" ControlNet to draw it anew.

        radius: standard deviation of the blur, in pixels; 0 leaves the picture as it is."""
    def LoomTrainControlNet(
        self,
        *,
        model: _Wired,
        clip: _Wired,
        vae: _Wired,
        dataset: _Wired,
        control_net: _Wired | None = None,
        hint: _Literal['canny', 'soft edges', 'lines', 'scribble', 'depth from light', 'normals from light'] | _Wired = 'canny',
        low_threshold: float | _Wired = 0.1,
        high_threshold: float | _Wired = 0.2,
        steps: int | _Wired = 6000,
        batch_size: int | _Wired = 32,
        learning_rate: float | _Wired = 0.0005,
        warm_up: int | _Wired = 100,
        schedule: _Literal['decay_at_end', 'cosine', 'constant'] | _Wired = 'decay_at_end',
        decay_share: float | _Wired = 0.3,
        caption_dropout: float | _Wired = 0.5,
        ema_decay: float | _Wired = 0.995,
        precision: _Literal['fp32', 'bf16'] | _Wired = 'fp32',
        pool: int | _Wired = 20480,
        seed: int | _Wired = 0,
        name: str | _Wired = 'control',
        checkpoint_every: int | _Wired = 250,
        resume: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTrainControlNet:
        """Train a ControlNet beside a model: a copy of its way down that learns to follow pictures drawn from the data set.

        model: the one to steer.
        clip: its text encoder.
        vae: turns pictures into latents.
        dataset: pictures and captions.
        control_net: one to train on; without it a new one starts from the model.
        hint: what the ControlNet will see: this is drawn from each picture.
        low_threshold: for "canny", as in the node Canny.
        high_threshold: for "canny", as in the node Canny.
        steps: of the optimizer, in all.
        batch_size: latents in each step.
        learning_rate: the highest rate; large models want 1e-5.
        warm_up: steps over which the rate rises to it.
        schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
        decay_share: share of the steps over which "decay_at_end" lowers the rate.
        caption_dropout: share of captions left out, so that the hint is heard without words too.
        ema_decay: of the running average of the weights, which is the result.
        precision: "bf16" is faster where the processor has it; weights stay float32.
        pool: pictures encoded in advance, from which batches are drawn; a tenth is replaced every 200 steps.
        seed: of captions left out, noise and noise levels.
        name: of the folder in user/training that keeps checkpoints and latents; empty keeps none.
        checkpoint_every: steps between two checkpoints.
        resume: go on from the newest checkpoint of that name; off removes them and starts anew."""
    def LoomTrainDiffusion(
        self,
        *,
        model: _Wired,
        clip: _Wired,
        vae: _Wired,
        dataset: _Wired,
        steps: int | _Wired = 12000,
        batch_size: int | _Wired = 48,
        learning_rate: float | _Wired = 0.001,
        warm_up: int | _Wired = 300,
        schedule: _Literal['decay_at_end', 'cosine', 'constant'] | _Wired = 'decay_at_end',
        decay_share: float | _Wired = 0.25,
        timesteps: _Literal['uniform', 'logit_normal'] | _Wired = 'uniform',
        min_snr_gamma: float | _Wired = 0.0,
        caption_dropout: float | _Wired = 0.1,
        ema_decay: float | _Wired = 0.999,
        precision: _Literal['fp32', 'bf16'] | _Wired = 'fp32',
        pool: int | _Wired = 20480,
        seed: int | _Wired = 0,
        name: str | _Wired = 'diffusion',
        checkpoint_every: int | _Wired = 250,
        resume: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTrainDiffusion:
        """Train a denoiser and its text encoder together on captioned pictures.

        model: where the training starts; it stays as it is. It also says what is predicted, noise or velocity, and over which noise levels: see ModelSamplingDiscrete. A loaded model is trained on.
        clip: the text encoder that is trained with it.
        vae: turns pictures into latents; it does not learn.
        dataset: pictures and captions.
        steps: of the optimizer, in all.
        batch_size: latents in each step.
        learning_rate: the highest rate.
        warm_up: steps over which the rate rises to it.
        schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
        decay_share: share of the steps over which "decay_at_end" lowers the rate.
        timesteps: how noise levels are drawn; "logit_normal" prefers the middle ones.
        min_snr_gamma: limit of the signal-to-noise ratio in the loss's weight; 5 is usual, 0 weighs all levels alike.
        caption_dropout: share of captions left out, without which cfg has nothing to steer away from.
        ema_decay: of the running average of the weights, which is the result.
        precision: "bf16" is faster where the processor has it; weights stay float32.
        pool: pictures encoded in advance, from which batches are drawn; a tenth is replaced every 200 steps.
        seed: of captions left out, noise and noise levels.
        name: of the folder in user/training that keeps checkpoints and latents; empty keeps none.
        checkpoint_every: steps between two checkpoints.
        resume: go on from the newest checkpoint of that name; off removes them and starts anew."""
    def LoomTrainLora(
        self,
        *,
        model: _Wired,
        clip: _Wired,
        vae: _Wired,
        dataset: _Wired,
        rank: int | _Wired = 8,
        alpha: float | _Wired = 8.0,
        layers: _Literal['attention', 'all'] | _Wired = 'attention',
        steps: int | _Wired = 500,
        batch_size: int | _Wired = 4,
        learning_rate: float | _Wired = 0.001,
        warm_up: int | _Wired = 20,
        schedule: _Literal['decay_at_end', 'cosine', 'constant'] | _Wired = 'cosine',
        decay_share: float | _Wired = 0.25,
        timesteps: _Literal['uniform', 'logit_normal'] | _Wired = 'uniform',
        min_snr_gamma: float | _Wired = 0.0,
        caption_dropout: float | _Wired = 0.1,
        ema_decay: float | _Wired = 0.9,
        precision: _Literal['fp32', 'bf16'] | _Wired = 'fp32',
        pool: int | _Wired = 100,
        seed: int | _Wired = 0,
        name: str | _Wired = 'lora',
        checkpoint_every: int | _Wired = 100,
        resume: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTrainLora:
        """Train a LoRA: a small file that teaches a model a subject or a style. The model itself stays as it is.

        model: what the LoRA is for; of any family that draws from text alone.
        clip: its text encoder, which does not learn.
        vae: turns pictures into latents; it does not learn.
        dataset: pictures and captions.
        rank: how much it can hold; the file grows with it.
        alpha: strength of what is learnt, as a multiple of rank; equal to rank it is 1.
        layers: "attention" alone, or "all" linear layers of the blocks that see the text.
        steps: of the optimizer, in all.
        batch_size: latents in each step.
        learning_rate: the highest rate.
        warm_up: steps over which the rate rises to it.
        schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
        decay_share: share of the steps over which "decay_at_end" lowers the rate.
        timesteps: how noise levels are drawn; "logit_normal" prefers the middle ones.
        min_snr_gamma: limit of the signal-to-noise ratio in the loss's weight; 5 is usual, 0 weighs all levels alike.
        caption_dropout: share of captions left out, so that the subject also comes without a prompt.
        ema_decay: of the running average of the factors, which is the result.
        precision: "bf16" is faster where the processor has it; factors stay float32.
        pool: pictures encoded in advance, from which batches are drawn; a tenth is replaced every 200 steps.
        seed: of starting factors, captions left out, noise and noise levels.
        name: of the folder in user/training that keeps checkpoints and latents; empty keeps none.
        checkpoint_every: steps between two checkpoints.
        resume: go on from the newest checkpoint of that name; off removes them and starts anew."""
    def LoomTrainUpscaler(
        self,
        *,
        upscale_model: _Wired,
        dataset: _Wired,
        steps: int | _Wired = 3000,
        batch_size: int | _Wired = 16,
        learning_rate: float | _Wired = 0.001,
        warm_up: int | _Wired = 50,
        schedule: _Literal['decay_at_end', 'cosine', 'constant'] | _Wired = 'cosine',
        decay_share: float | _Wired = 0.3,
        loss: _Literal['absolute', 'squared'] | _Wired = 'absolute',
        made_small_by: _Literal['both', 'bicubic', 'area'] | _Wired = 'both',
        ema_decay: float | _Wired = 0.995,
        precision: _Literal['fp32', 'bf16'] | _Wired = 'fp32',
        seed: int | _Wired = 0,
        name: str | _Wired = 'upscaler',
        checkpoint_every: int | _Wired = 250,
        resume: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTrainUpscaler:
        """Train an upscale model to give pictures back that were made small.

        upscale_model: where the training starts; it stays as it is.
        dataset: pictures whose side is a multiple of the model's scale.
        steps: of the optimizer, in all.
        batch_size: pictures in each step.
        learning_rate: the highest rate.
        warm_up: steps over which the rate rises to it.
        schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
        decay_share: share of the steps over which "decay_at_end" lowers the rate.
        loss: of a pixel's error; "absolute" is usual, "squared" is what PSNR measures.
        made_small_by: the filter to undo. A model that knows one alone sharpens too little or too much after another.
        ema_decay: of the running average of the weights, which is the result.
        precision: "bf16" is faster where the processor has it; weights stay float32.
        seed: of the training.
        name: of the folder in user/training that keeps checkpoints; empty keeps none.
        checkpoint_every: steps between two checkpoints.
        resume: go on from the newest checkpoint of that name; off removes them and starts anew."""
    def LoomTrainVAE(
        self,
        *,
        vae: _Wired,
        dataset: _Wired,
        steps: int | _Wired = 3000,
        batch_size: int | _Wired = 16,
        learning_rate: float | _Wired = 0.001,
        warm_up: int | _Wired = 100,
        schedule: _Literal['decay_at_end', 'cosine', 'constant'] | _Wired = 'decay_at_end',
        decay_share: float | _Wired = 0.3,
        kl_weight: float | _Wired = 1e-05,
        part: _Literal['both', 'decoder'] | _Wired = 'both',
        jitter: float | _Wired = 0.0,
        normalise: bool | _Wired = True,
        ema_decay: float | _Wired = 0.995,
        precision: _Literal['fp32', 'bf16'] | _Wired = 'fp32',
        seed: int | _Wired = 0,
        name: str | _Wired = 'vae',
        checkpoint_every: int | _Wired = 125,
        resume: bool | _Wired = True,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTrainVAE:
        """Train an autoencoder on pictures.

        vae: where the training starts; it stays as it is.
        dataset: the pictures.
        steps: of the optimizer, in all.
        batch_size: pictures in each step.
        learning_rate: the highest rate.
        warm_up: steps over which the rate rises to it.
        schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
        decay_share: share of the steps over which "decay_at_end" lowers the rate.
        kl_weight: how strongly latents are drawn to a normal distribution.
        part: "decoder" leaves the latents as they are, so that a denoiser made for them still fits.
        jitter: noise on the latents, as a share of their spread, that the decoder learns to forgive.
        normalise: fold mean and spread of the latents into the weights, so that the factor 0.18215 of Stable Diffusion gives them variance 1. Not done with part "decoder".
        ema_decay: of the running average of the weights, which is the result.
        precision: "bf16" is faster where the processor has it; weights stay float32.
        seed: of the order of noise.
        name: of the folder in user/training that keeps checkpoints; empty keeps none.
        checkpoint_every: steps between two checkpoints.
        resume: go on from the newest checkpoint of that name; off removes them and starts anew."""
    def LoomTransposedConvolution(
        self,
        *,
        features: _Wired,
        kernel: _Literal['bilinear', 'box', 'gaussian', 'written'] | _Wired = 'bilinear',
        kernel_size: int | _Wired = 4,
        stride: int | _Wired = 2,
        padding: int | _Wired = 1,
        output_padding: int | _Wired = 0,
        dilation: int | _Wired = 1,
        weights: str | _Wired = '',
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomTransposedConvolution:
        """Enlarge feature maps by adding a copy of a kernel for each number, every channel alone.

        kernel: "bilinear" interpolates linearly with size 2 x stride and padding stride / 2; "box" repeats with size stride and no padding; "written" takes weights.
        kernel_size: side of the kernel, unless it is written.
        stride: how far apart the copies lie.
        padding: cells cut off on each side.
        output_padding: cells added at the right and at the bottom.
        dilation: how far apart a kernel's own numbers lie.
        weights: the numbers of a written kernel, rows between semicolons or on lines of their own."""
    def LoomUpscaleToSize(
        self,
        *,
        upscale_model: _Wired,
        image: _Wired,
        width: int | _Wired = 0,
        height: int | _Wired = 0,
        scale_by: float | _Wired = 2.0,
        method: _Literal['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos'] | _Wired = 'area',
        tile: int | _Wired = 512,
        overlap: int | _Wired = 32,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoomUpscaleToSize:
        """Enlarge pictures to any size: with an upscale model until they are large enough, then down to the size.

        width: in pixels; 0 keeps the aspect ratio, and 0 for both takes scale_by.
        height: in pixels; 0 keeps the aspect ratio.
        scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
        method: of the last step; "area" and "lanczos" average what becomes smaller.
        tile: side of the pieces that the model is given, in pixels of the picture.
        overlap: how far neighbouring pieces blend, in pixels of the picture."""
    def LoraLoader(
        self,
        *,
        model: _Wired,
        clip: _Wired,
        lora_name: str | _Wired,
        strength_model: float | _Wired = 1.0,
        strength_clip: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoraLoader:
        """Lay a LoRA over a model and its text encoder. Several add up; 0 takes one off, and nothing is loaded again.

        lora_name: a file of models/loras.
        strength_model: how much of it the model gets; may be negative.
        strength_clip: how much of it the text encoder gets."""
    def LoraLoaderModelOnly(
        self,
        *,
        model: _Wired,
        lora_name: str | _Wired,
        strength_model: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _LoraLoaderModelOnly:
        """Lay a LoRA over a model, and leave the text encoder alone.

        lora_name: a file of models/loras.
        strength_model: how much of it the model gets; may be negative."""
    def MaskComposite(
        self,
        *,
        destination: _Wired,
        source: _Wired,
        x: int | _Wired = 0,
        y: int | _Wired = 0,
        operation: _Literal['multiply', 'add', 'subtract', 'and', 'or', 'xor'] | _Wired = 'multiply',
        _id: str | None = None,
        _title: str = "",
    ) -> _MaskComposite:
        """Combine a mask with another, laid on it at a place.

        x: left edge of the source, in pixels.
        y: top edge of the source, in pixels.
        operation: "and", "or" and "xor" first round both masks to 0 or 1."""
    def MaskToImage(
        self,
        *,
        mask: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _MaskToImage:
        """Show a mask as a grey picture."""
    def ModelMergeAdd(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelMergeAdd:
        """The sum of two models' weights; one of them is usually a difference."""
    def ModelMergeBlocks(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        input: float | _Wired = 1.0,
        middle: float | _Wired = 1.0,
        out: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelMergeBlocks:
        """Mix the weights of two models of one architecture, with a share for each third of a UNet.

        input: share of model1 on the way down, and in whatever belongs to no third.
        middle: share of model1 in the middle.
        out: share of model1 on the way up."""
    def ModelMergeFlux1(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        guidance_in: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
        **inputs: _Any,
    ) -> _ModelMergeFlux1:
        """Mix the weights of two Flux models block by block.

        img_in.: share of model1 in img_in
        time_in.: share of model1 in time_in
        guidance_in: share of model1 in guidance_in
        vector_in.: share of model1 in vector_in
        txt_in.: share of model1 in txt_in
        double_blocks.0.: share of model1 in double_blocks.0
        double_blocks.1.: share of model1 in double_blocks.1
        double_blocks.2.: share of model1 in double_blocks.2
        double_blocks.3.: share of model1 in double_blocks.3
        double_blocks.4.: share of model1 in double_blocks.4
        double_blocks.5.: share of model1 in double_blocks.5
        double_blocks.6.: share of model1 in double_blocks.6
        double_blocks.7.: share of model1 in double_blocks.7
        double_blocks.8.: share of model1 in double_blocks.8
        double_blocks.9.: share of model1 in double_blocks.9
        double_blocks.10.: share of model1 in double_blocks.10
        double_blocks.11.: share of model1 in double_blocks.11
        double_blocks.12.: share of model1 in double_blocks.12
        double_blocks.13.: share of model1 in double_blocks.13
        double_blocks.14.: share of model1 in double_blocks.14
        double_blocks.15.: share of model1 in double_blocks.15
        double_blocks.16.: share of model1 in double_blocks.16
        double_blocks.17.: share of model1 in double_blocks.17
        double_blocks.18.: share of model1 in double_blocks.18
        single_blocks.0.: share of model1 in single_blocks.0
        single_blocks.1.: share of model1 in single_blocks.1
        single_blocks.2.: share of model1 in single_blocks.2
        single_blocks.3.: share of model1 in single_blocks.3
        single_blocks.4.: share of model1 in single_blocks.4
        single_blocks.5.: share of model1 in single_blocks.5
        single_blocks.6.: share of model1 in single_blocks.6
        single_blocks.7.: share of model1 in single_blocks.7
        single_blocks.8.: share of model1 in single_blocks.8
        single_blocks.9.: share of model1 in single_blocks.9
        single_blocks.10.: share of model1 in single_blocks.10
        single_blocks.11.: share of model1 in single_blocks.11
        single_blocks.12.: share of model1 in single_blocks.12
        single_blocks.13.: share of model1 in single_blocks.13
        single_blocks.14.: share of model1 in single_blocks.14
        single_blocks.15.: share of model1 in single_blocks.15
        single_blocks.16.: share of model1 in single_blocks.16
        single_blocks.17.: share of model1 in single_blocks.17
        single_blocks.18.: share of model1 in single_blocks.18
        single_blocks.19.: share of model1 in single_blocks.19
        single_blocks.20.: share of model1 in single_blocks.20
        single_blocks.21.: share of model1 in single_blocks.21
        single_blocks.22.: share of model1 in single_blocks.22
        single_blocks.23.: share of model1 in single_blocks.23
        single_blocks.24.: share of model1 in single_blocks.24
        single_blocks.25.: share of model1 in single_blocks.25
        single_blocks.26.: share of model1 in single_blocks.26
        single_blocks.27.: share of model1 in single_blocks.27
        single_blocks.28.: share of model1 in single_blocks.28
        single_blocks.29.: share of model1 in single_blocks.29
        single_blocks.30.: share of model1 in single_blocks.30
        single_blocks.31.: share of model1 in single_blocks.31
        single_blocks.32.: share of model1 in single_blocks.32
        single_blocks.33.: share of model1 in single_blocks.33
        single_blocks.34.: share of model1 in single_blocks.34
        single_blocks.35.: share of model1 in single_blocks.35
        single_blocks.36.: share of model1 in single_blocks.36
        single_blocks.37.: share of model1 in single_blocks.37
        final_layer.: share of model1 in final_layer"""
    def ModelMergeSD1(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        _id: str | None = None,
        _title: str = "",
        **inputs: _Any,
    ) -> _ModelMergeSD1:
        """Mix the weights of two SD1.x models block by block.

        time_embed.: share of model1 in time_embed
        label_emb.: share of model1 in label_emb
        input_blocks.0.: share of model1 in input_blocks.0
        input_blocks.1.: share of model1 in input_blocks.1
        input_blocks.2.: share of model1 in input_blocks.2
        input_blocks.3.: share of model1 in input_blocks.3
        input_blocks.4.: share of model1 in input_blocks.4
        input_blocks.5.: share of model1 in input_blocks.5
        input_blocks.6.: share of model1 in input_blocks.6
        input_blocks.7.: share of model1 in input_blocks.7
        input_blocks.8.: share of model1 in input_blocks.8
        input_blocks.9.: share of model1 in input_blocks.9
        input_blocks.10.: share of model1 in input_blocks.10
        input_blocks.11.: share of model1 in input_blocks.11
        middle_block.0.: share of model1 in middle_block.0
        middle_block.1.: share of model1 in middle_block.1
        middle_block.2.: share of model1 in middle_block.2
        output_blocks.0.: share of model1 in output_blocks.0
        output_blocks.1.: share of model1 in output_blocks.1
        output_blocks.2.: share of model1 in output_blocks.2
        output_blocks.3.: share of model1 in output_blocks.3
        output_blocks.4.: share of model1 in output_blocks.4
        output_blocks.5.: share of model1 in output_blocks.5
        output_blocks.6.: share of model1 in output_blocks.6
        output_blocks.7.: share of model1 in output_blocks.7
        output_blocks.8.: share of model1 in output_blocks.8
        output_blocks.9.: share of model1 in output_blocks.9
        output_blocks.10.: share of model1 in output_blocks.10
        output_blocks.11.: share of model1 in output_blocks.11
        out.: share of model1 in out"""
    def ModelMergeSD2(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        _id: str | None = None,
        _title: str = "",
        **inputs: _Any,
    ) -> _ModelMergeSD2:
        """Mix the weights of two SD2.x models block by block.

        time_embed.: share of model1 in time_embed
        label_emb.: share of model1 in label_emb
        input_blocks.0.: share of model1 in input_blocks.0
        input_blocks.1.: share of model1 in input_blocks.1
        input_blocks.2.: share of model1 in input_blocks.2
        input_blocks.3.: share of model1 in input_blocks.3
        input_blocks.4.: share of model1 in input_blocks.4
        input_blocks.5.: share of model1 in input_blocks.5
        input_blocks.6.: share of model1 in input_blocks.6
        input_blocks.7.: share of model1 in input_blocks.7
        input_blocks.8.: share of model1 in input_blocks.8
        input_blocks.9.: share of model1 in input_blocks.9
        input_blocks.10.: share of model1 in input_blocks.10
        input_blocks.11.: share of model1 in input_blocks.11
        middle_block.0.: share of model1 in middle_block.0
        middle_block.1.: share of model1 in middle_block.1
        middle_block.2.: share of model1 in middle_block.2
        output_blocks.0.: share of model1 in output_blocks.0
        output_blocks.1.: share of model1 in output_blocks.1
        output_blocks.2.: share of model1 in output_blocks.2
        output_blocks.3.: share of model1 in output_blocks.3
        output_blocks.4.: share of model1 in output_blocks.4
        output_blocks.5.: share of model1 in output_blocks.5
        output_blocks.6.: share of model1 in output_blocks.6
        output_blocks.7.: share of model1 in output_blocks.7
        output_blocks.8.: share of model1 in output_blocks.8
        output_blocks.9.: share of model1 in output_blocks.9
        output_blocks.10.: share of model1 in output_blocks.10
        output_blocks.11.: share of model1 in output_blocks.11
        out.: share of model1 in out"""
    def ModelMergeSD35_Large(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        _id: str | None = None,
        _title: str = "",
        **inputs: _Any,
    ) -> _ModelMergeSD35_Large:
        """Mix the weights of two SD3.5 large models block by block.

        pos_embed.: share of model1 in pos_embed
        x_embedder.: share of model1 in x_embedder
        context_embedder.: share of model1 in context_embedder
        y_embedder.: share of model1 in y_embedder
        t_embedder.: share of model1 in t_embedder
        joint_blocks.0.: share of model1 in joint_blocks.0
        joint_blocks.1.: share of model1 in joint_blocks.1
        joint_blocks.2.: share of model1 in joint_blocks.2
        joint_blocks.3.: share of model1 in joint_blocks.3
        joint_blocks.4.: share of model1 in joint_blocks.4
        joint_blocks.5.: share of model1 in joint_blocks.5
        joint_blocks.6.: share of model1 in joint_blocks.6
        joint_blocks.7.: share of model1 in joint_blocks.7
        joint_blocks.8.: share of model1 in joint_blocks.8
        joint_blocks.9.: share of model1 in joint_blocks.9
        joint_blocks.10.: share of model1 in joint_blocks.10
        joint_blocks.11.: share of model1 in joint_blocks.11
        joint_blocks.12.: share of model1 in joint_blocks.12
        joint_blocks.13.: share of model1 in joint_blocks.13
        joint_blocks.14.: share of model1 in joint_blocks.14
        joint_blocks.15.: share of model1 in joint_blocks.15
        joint_blocks.16.: share of model1 in joint_blocks.16
        joint_blocks.17.: share of model1 in joint_blocks.17
        joint_blocks.18.: share of model1 in joint_blocks.18
        joint_blocks.19.: share of model1 in joint_blocks.19
        joint_blocks.20.: share of model1 in joint_blocks.20
        joint_blocks.21.: share of model1 in joint_blocks.21
        joint_blocks.22.: share of model1 in joint_blocks.22
        joint_blocks.23.: share of model1 in joint_blocks.23
        joint_blocks.24.: share of model1 in joint_blocks.24
        joint_blocks.25.: share of model1 in joint_blocks.25
        joint_blocks.26.: share of model1 in joint_blocks.26
        joint_blocks.27.: share of model1 in joint_blocks.27
        joint_blocks.28.: share of model1 in joint_blocks.28
        joint_blocks.29.: share of model1 in joint_blocks.29
        joint_blocks.30.: share of model1 in joint_blocks.30
        joint_blocks.31.: share of model1 in joint_blocks.31
        joint_blocks.32.: share of model1 in joint_blocks.32
        joint_blocks.33.: share of model1 in joint_blocks.33
        joint_blocks.34.: share of model1 in joint_blocks.34
        joint_blocks.35.: share of model1 in joint_blocks.35
        joint_blocks.36.: share of model1 in joint_blocks.36
        joint_blocks.37.: share of model1 in joint_blocks.37
        final_layer.: share of model1 in final_layer"""
    def ModelMergeSD3_2B(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        _id: str | None = None,
        _title: str = "",
        **inputs: _Any,
    ) -> _ModelMergeSD3_2B:
        """Mix the weights of two SD3 medium models block by block.

        pos_embed.: share of model1 in pos_embed
        x_embedder.: share of model1 in x_embedder
        context_embedder.: share of model1 in context_embedder
        y_embedder.: share of model1 in y_embedder
        t_embedder.: share of model1 in t_embedder
        joint_blocks.0.: share of model1 in joint_blocks.0
        joint_blocks.1.: share of model1 in joint_blocks.1
        joint_blocks.2.: share of model1 in joint_blocks.2
        joint_blocks.3.: share of model1 in joint_blocks.3
        joint_blocks.4.: share of model1 in joint_blocks.4
        joint_blocks.5.: share of model1 in joint_blocks.5
        joint_blocks.6.: share of model1 in joint_blocks.6
        joint_blocks.7.: share of model1 in joint_blocks.7
        joint_blocks.8.: share of model1 in joint_blocks.8
        joint_blocks.9.: share of model1 in joint_blocks.9
        joint_blocks.10.: share of model1 in joint_blocks.10
        joint_blocks.11.: share of model1 in joint_blocks.11
        joint_blocks.12.: share of model1 in joint_blocks.12
        joint_blocks.13.: share of model1 in joint_blocks.13
        joint_blocks.14.: share of model1 in joint_blocks.14
        joint_blocks.15.: share of model1 in joint_blocks.15
        joint_blocks.16.: share of model1 in joint_blocks.16
        joint_blocks.17.: share of model1 in joint_blocks.17
        joint_blocks.18.: share of model1 in joint_blocks.18
        joint_blocks.19.: share of model1 in joint_blocks.19
        joint_blocks.20.: share of model1 in joint_blocks.20
        joint_blocks.21.: share of model1 in joint_blocks.21
        joint_blocks.22.: share of model1 in joint_blocks.22
        joint_blocks.23.: share of model1 in joint_blocks.23
        final_layer.: share of model1 in final_layer"""
    def ModelMergeSDXL(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        _id: str | None = None,
        _title: str = "",
        **inputs: _Any,
    ) -> _ModelMergeSDXL:
        """Mix the weights of two SDXL models block by block.

        time_embed.: share of model1 in time_embed
        label_emb.: share of model1 in label_emb
        input_blocks.0: share of model1 in input_blocks.0
        input_blocks.1: share of model1 in input_blocks.1
        input_blocks.2: share of model1 in input_blocks.2
        input_blocks.3: share of model1 in input_blocks.3
        input_blocks.4: share of model1 in input_blocks.4
        input_blocks.5: share of model1 in input_blocks.5
        input_blocks.6: share of model1 in input_blocks.6
        input_blocks.7: share of model1 in input_blocks.7
        input_blocks.8: share of model1 in input_blocks.8
        middle_block.0: share of model1 in middle_block.0
        middle_block.1: share of model1 in middle_block.1
        middle_block.2: share of model1 in middle_block.2
        output_blocks.0: share of model1 in output_blocks.0
        output_blocks.1: share of model1 in output_blocks.1
        output_blocks.2: share of model1 in output_blocks.2
        output_blocks.3: share of model1 in output_blocks.3
        output_blocks.4: share of model1 in output_blocks.4
        output_blocks.5: share of model1 in output_blocks.5
        output_blocks.6: share of model1 in output_blocks.6
        output_blocks.7: share of model1 in output_blocks.7
        output_blocks.8: share of model1 in output_blocks.8
        out.: share of model1 in out"""
    def ModelMergeSimple(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        ratio: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelMergeSimple:
        """Mix the weights of two models of one architecture.

        ratio: share of model1; 1 is model1 alone."""
    def ModelMergeSubtract(
        self,
        *,
        model1: _Wired,
        model2: _Wired,
        multiplier: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelMergeSubtract:
        """What sets one model apart from another, to be added to a third.

        multiplier: of the difference model1 - model2."""
    def ModelSamplingDiscrete(
        self,
        *,
        model: _Wired,
        sampling: _Literal['eps', 'v_prediction', 'lcm', 'x0', 'img_to_img'] | _Wired = 'eps',
        zsnr: bool | _Wired = False,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelSamplingDiscrete:
        """Say what a model predicts, for files that do not say it themselves.

        sampling: the noise (eps), the velocity (v_prediction), the picture (x0), the picture in few steps (lcm), or one picture from another (img_to_img).
        zsnr: the model was trained with a noisiest level that holds no picture at all."""
    def ModelSamplingFlux(
        self,
        *,
        model: _Wired,
        max_shift: float | _Wired = 1.15,
        base_shift: float | _Wired = 0.5,
        width: int | _Wired = 1024,
        height: int | _Wired = 1024,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelSamplingFlux:
        """Set how much of the steps a Flux model spends at strong noise, by the size of the picture.

        max_shift: for pictures of 1024 x 1024.
        base_shift: for pictures of 256 x 256.
        width: of the picture to make, in pixels.
        height: of the picture to make, in pixels."""
    def ModelSamplingSD3(
        self,
        *,
        model: _Wired,
        shift: float | _Wired = 3.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _ModelSamplingSD3:
        """Set how much of the steps a flow model spends at strong noise.

        shift: 1 spreads them evenly; larger pictures want more."""
    def ModelSave(
        self,
        *,
        model: _Wired,
        filename_prefix: str | _Wired = 'diffusion_models/ComfyUI',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save a diffusion model alone as a file in the output folder; the node for diffusion models reads it.

        filename_prefix: may hold sub-folders; existing files are never overwritten."""
    def PerpNeg(
        self,
        *,
        model: _Wired,
        empty_conditioning: _Wired,
        neg_scale: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _PerpNeg:
        """Keep a negative prompt from taking away what the positive one asks for. Deprecated.

        empty_conditioning: an empty prompt.
        neg_scale: how strongly the rest of the negative prompt counts."""
    def PerpNegGuider(
        self,
        *,
        model: _Wired,
        positive: _Wired,
        negative: _Wired,
        empty_conditioning: _Wired,
        cfg: float | _Wired = 8.0,
        neg_scale: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _PerpNegGuider:
        """Follow a prompt; of the negative one, only what does not speak against it counts.

        empty_conditioning: an empty prompt.
        cfg: how strictly the prompt is followed.
        neg_scale: how strongly the rest of the negative prompt counts."""
    def PerturbedAttentionGuidance(
        self,
        *,
        model: _Wired,
        scale: float | _Wired = 3.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _PerturbedAttentionGuidance:
        """Steer away from what the model draws when its parts do not look at each other; works without cfg too.

        scale: how strongly; 0 is none. Each step takes one more evaluation."""
    def PolyexponentialScheduler(
        self,
        *,
        steps: int | _Wired = 20,
        sigma_max: float | _Wired = 14.614642,
        sigma_min: float | _Wired = 0.0291675,
        rho: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _PolyexponentialScheduler:
        """Let the logarithm of the noise fall as a power of the step.

        rho: the power; 1 is the exponential schedule."""
    def PreviewAny(
        self,
        *,
        source: _Any | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Show any value as text."""
    def PreviewImage(
        self,
        *,
        images: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Show pictures without keeping them: they go to the folder for temporary files."""
    def PrimitiveBoolean(
        self,
        *,
        value: bool | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _PrimitiveBoolean:
        """Hand on yes or no."""
    def PrimitiveFloat(
        self,
        *,
        value: float | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _PrimitiveFloat:
        """Hand on a number."""
    def PrimitiveInt(
        self,
        *,
        value: int | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _PrimitiveInt:
        """Hand on a whole number."""
    def PrimitiveString(
        self,
        *,
        value: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _PrimitiveString:
        """Hand on a text."""
    def PrimitiveStringMultiline(
        self,
        *,
        value: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _PrimitiveStringMultiline:
        """Hand on a text of several lines."""
    def RandomNoise(
        self,
        *,
        noise_seed: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _RandomNoise:
        """Choose the noise that a sampler starts from.

        noise_seed: the same seed gives the same noise."""
    def RepeatLatentBatch(
        self,
        *,
        samples: _Wired,
        amount: int | _Wired = 1,
        _id: str | None = None,
        _title: str = "",
    ) -> _RepeatLatentBatch:
        """Repeat a batch of latents.

        amount: how many times."""
    def RescaleCFG(
        self,
        *,
        model: _Wired,
        multiplier: float | _Wired = 0.7,
        _id: str | None = None,
        _title: str = "",
    ) -> _RescaleCFG:
        """Keep strong guidance from washing colours out.

        multiplier: how much of the effect; 0 is none."""
    def SDTurboScheduler(
        self,
        *,
        model: _Wired,
        steps: int | _Wired = 1,
        denoise: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _SDTurboScheduler:
        """The few noise levels that turbo models were made for.

        denoise: less than 1 leaves out the noisiest."""
    def SamplerCustom(
        self,
        *,
        model: _Wired,
        add_noise: bool | _Wired = True,
        noise_seed: int | _Wired = 0,
        cfg: float | _Wired = 8.0,
        positive: _Wired,
        negative: _Wired,
        sampler: _Wired,
        sigmas: _Wired,
        latent_image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _SamplerCustom:
        """Sample with a sampler and a schedule made by other nodes.

        add_noise: switch off for a latent that is noisy already.
        noise_seed: the noise it starts from.
        cfg: how strictly it follows the prompt."""
    def SamplerCustomAdvanced(
        self,
        *,
        noise: _Wired,
        guider: _Wired,
        sampler: _Wired,
        sigmas: _Wired,
        latent_image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _SamplerCustomAdvanced:
        """Sample with noise, guider, sampler and schedule made by other nodes."""
    def SamplerDPMPP_2M_SDE(
        self,
        *,
        solver_type: _Literal['midpoint', 'heun'] | _Wired = 'midpoint',
        eta: float | _Wired = 1.0,
        s_noise: float | _Wired = 1.0,
        noise_device: _Literal['gpu', 'cpu'] | _Wired = 'gpu',
        _id: str | None = None,
        _title: str = "",
    ) -> _SamplerDPMPP_2M_SDE:
        """DPM-Solver++(2M) with noise.

        solver_type: how the change of the picture is weighed.
        eta: how much of the step is noise; 0 takes none.
        s_noise: scale of that noise.
        noise_device: without effect: noise is drawn so that one seed gives one picture on every device."""
    def SamplerDPMPP_SDE(
        self,
        *,
        eta: float | _Wired = 1.0,
        s_noise: float | _Wired = 1.0,
        r: float | _Wired = 0.5,
        noise_device: _Literal['gpu', 'cpu'] | _Wired = 'gpu',
        _id: str | None = None,
        _title: str = "",
    ) -> _SamplerDPMPP_SDE:
        """DPM-Solver++ with noise, two evaluations a step.

        eta: how much of the step is noise; 0 takes none.
        s_noise: scale of that noise.
        r: where between two sigmas the second evaluation lies.
        noise_device: without effect: noise is drawn so that one seed gives one picture on every device."""
    def SamplerEulerAncestral(
        self,
        *,
        eta: float | _Wired = 1.0,
        s_noise: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _SamplerEulerAncestral:
        """Euler's method with fresh noise at every step.

        eta: how much of the step is noise; 0 is plain Euler.
        s_noise: scale of that noise."""
    def SaveImage(
        self,
        *,
        images: _Wired,
        filename_prefix: str | _Wired = 'ComfyUI',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save pictures as PNG files in the output folder; each carries the graph that made it.

        filename_prefix: may hold sub-folders and %width% %height% %year% %month% %day% %hour% %minute% %second% %batch_num%. Existing files are never overwritten."""
    def SaveImageWebsocket(
        self,
        *,
        images: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Send pictures in full size to whoever runs the graph, without writing a file."""
    def SaveLatent(
        self,
        *,
        samples: _Wired,
        filename_prefix: str | _Wired = 'latents/ComfyUI',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save latents as a file in the output folder.

        filename_prefix: may hold sub-folders; existing files are never overwritten."""
    def SetLatentNoiseMask(
        self,
        *,
        samples: _Wired,
        mask: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _SetLatentNoiseMask:
        """Let the sampler change a latent only where a mask is white.

        mask: of any size; the sampler fits it to the latent."""
    def SetUnionControlNetType(
        self,
        *,
        control_net: _Wired,
        type: _Literal['auto', 'openpose', 'depth', 'hed/pidi/scribble/ted', 'canny/lineart/anime_lineart/mlsd', 'normal', 'segment', 'tile', 'repaint'] | _Wired = 'auto',
        _id: str | None = None,
        _title: str = "",
    ) -> _SetUnionControlNetType:
        """Tell a ControlNet for several kinds of pictures which kind it will see.

        type: "auto" leaves it open. Other ControlNets take no notice."""
    def SkipLayerGuidanceSD3(
        self,
        *,
        model: _Wired,
        layers: str | _Wired = '7, 8, 9',
        scale: float | _Wired = 3.0,
        start_percent: float | _Wired = 0.01,
        end_percent: float | _Wired = 0.15,
        _id: str | None = None,
        _title: str = "",
    ) -> _SkipLayerGuidanceSD3:
        """Steer away from what an SD3 model draws without some of its layers.

        layers: numbers of the layers left out, from 0.
        scale: how strongly; 0 is none.
        start_percent: share of the run after which it begins.
        end_percent: share of the run after which it ends; steps in between take one more evaluation."""
    def SolidMask(
        self,
        *,
        value: float | _Wired = 1.0,
        width: int | _Wired = 512,
        height: int | _Wired = 512,
        _id: str | None = None,
        _title: str = "",
    ) -> _SolidMask:
        """Make a mask of one value."""
    def SplitImageWithAlpha(
        self,
        *,
        image: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _SplitImageWithAlpha:
        """Take pictures and their transparency apart."""
    def SplitSigmas(
        self,
        *,
        sigmas: _Wired,
        step: int | _Wired = 0,
        _id: str | None = None,
        _title: str = "",
    ) -> _SplitSigmas:
        """Cut a schedule in two, for two samplers.

        step: after how many steps."""
    def SplitSigmasDenoise(
        self,
        *,
        sigmas: _Wired,
        denoise: float | _Wired = 1.0,
        _id: str | None = None,
        _title: str = "",
    ) -> _SplitSigmasDenoise:
        """Cut a schedule in two, so that the second part is a given share of it.

        denoise: the share of the low part."""
    def ThresholdMask(
        self,
        *,
        mask: _Wired,
        value: float | _Wired = 0.5,
        _id: str | None = None,
        _title: str = "",
    ) -> _ThresholdMask:
        """Select all that is above a value, fully."""
    def TripleCLIPLoader(
        self,
        *,
        clip_name1: str | _Wired,
        clip_name2: str | _Wired,
        clip_name3: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _TripleCLIPLoader:
        """Load SD3's three text encoders, CLIP-L, bigG and T5; which is which shows in the files.

        clip_name1: a file of models/text_encoders.
        clip_name2: a file of models/text_encoders.
        clip_name3: a file of models/text_encoders."""
    def UNETLoader(
        self,
        *,
        unet_name: str | _Wired,
        weight_dtype: _Literal['default', 'fp8_e4m3fn', 'fp8_e4m3fn_fast', 'fp8_e5m2'] | _Wired = 'default',
        _id: str | None = None,
        _title: str = "",
    ) -> _UNETLoader:
        """Load a diffusion model that comes without text encoder and autoencoder.

        unet_name: a file of models/diffusion_models.
        weight_dtype: "fp8..." rounds the weights to that precision, so that pictures match those of programs that store them so; memory and speed stay those of "default"."""
    def UpscaleModelLoader(
        self,
        *,
        model_name: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _UpscaleModelLoader:
        """Load an upscale model: ESRGAN, Real-ESRGAN, its compact network, or ESPCN.

        model_name: a file of models/upscale_models."""
    def VAEDecode(
        self,
        *,
        samples: _Wired,
        vae: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _VAEDecode:
        """Turn latents into pictures."""
    def VAEDecodeTiled(
        self,
        *,
        samples: _Wired,
        vae: _Wired,
        tile_size: int | _Wired = 512,
        overlap: int | _Wired = 64,
        temporal_size: int | _Wired = 64,
        temporal_overlap: int | _Wired = 8,
        _id: str | None = None,
        _title: str = "",
    ) -> _VAEDecodeTiled:
        """Turn latents into pictures piece by piece, when they do not fit into memory at once.

        tile_size: of a piece, in pixels of the picture.
        overlap: how far neighbouring pieces blend, in pixels, where the layers do not fit into the machine's memory either.
        temporal_size: for video autoencoders; a picture has no frames to cut.
        temporal_overlap: for video autoencoders."""
    def VAEEncode(
        self,
        *,
        pixels: _Wired,
        vae: _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _VAEEncode:
        """Turn pictures into latents. Edges beyond a multiple of 8 pixels are cut."""
    def VAEEncodeForInpaint(
        self,
        *,
        pixels: _Wired,
        vae: _Wired,
        mask: _Wired,
        grow_mask_by: int | _Wired = 6,
        _id: str | None = None,
        _title: str = "",
    ) -> _VAEEncodeForInpaint:
        """Turn pictures into latents whose masked part is blank and will be filled anew. Use it at denoise 1.

        mask: white is filled; resized when its size differs.
        grow_mask_by: widens the part the sampler may change, in pixels, so that it blends in."""
    def VAEEncodeTiled(
        self,
        *,
        pixels: _Wired,
        vae: _Wired,
        tile_size: int | _Wired = 512,
        overlap: int | _Wired = 64,
        temporal_size: int | _Wired = 64,
        temporal_overlap: int | _Wired = 8,
        _id: str | None = None,
        _title: str = "",
    ) -> _VAEEncodeTiled:
        """Turn pictures into latents piece by piece, when they do not fit into memory at once.

        tile_size: of a piece, in pixels.
        overlap: how far neighbouring pieces blend, in pixels, where the layers do not fit into the machine's memory either.
        temporal_size: for video autoencoders; a picture has no frames to cut.
        temporal_overlap: for video autoencoders."""
    def VAELoader(
        self,
        *,
        vae_name: str | _Wired,
        _id: str | None = None,
        _title: str = "",
    ) -> _VAELoader:
        """Load an autoencoder.

        vae_name: a file of models/vae."""
    def VAESave(
        self,
        *,
        vae: _Wired,
        filename_prefix: str | _Wired = 'vae/ComfyUI_vae',
        _id: str | None = None,
        _title: str = "",
    ) -> _Handle:
        """Save an autoencoder as a file in the output folder.

        filename_prefix: may hold sub-folders; existing files are never overwritten."""
    def VPScheduler(
        self,
        *,
        steps: int | _Wired = 20,
        beta_d: float | _Wired = 19.9,
        beta_min: float | _Wired = 0.1,
        eps_s: float | _Wired = 0.001,
        _id: str | None = None,
        _title: str = "",
    ) -> _VPScheduler:
        """Follow the continuous variance-preserving process.

        beta_d: how fast the noise grows with time.
        beta_min: how fast at time 0.
        eps_s: the last time before 0."""
