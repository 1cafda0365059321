"""The schedules of other libraries under their own names: `sf.like.torch.StepLR(step_size=10, gamma=0.5)`."""
