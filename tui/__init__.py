"""The screens of the laboratory. They know messages and files, never tensors."""
