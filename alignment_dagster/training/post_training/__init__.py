"""SFT, DPO and GRPO, with TRL."""
