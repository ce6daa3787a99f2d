"""What finds people: torchvision's Faster R-CNN, the joint model, its training and its figures."""
