"""Arguments of calls that several tests make, in the order of the operator."""


def conv_back(grad, image, weight, transposed=False, mask=(True, True, True)):
    """Of `convolution_backward`."""
    n = image.dim() - 2
    return (
        grad,
        image,
        weight,
        None,
        [1] * n,
        [0] * n,
        [1] * n,
        transposed,
        [0] * n,
        1,
        list(mask),
    )
