"""The mathematics of diffusion: processes, schedules, samplers, guidance and losses.

Works with any callable denoiser. Knows nothing of networks, files, nodes or graphs.
"""
