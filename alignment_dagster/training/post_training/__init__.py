"""SFT and DPO, with TRL."""
