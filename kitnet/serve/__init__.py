"""Floor 7: a trained model behind HTTP. `app.py` has what may be asked, `forms.py` the forms of images,
`batcher.py` gathers requests into batches, `plans.py` computes them."""
