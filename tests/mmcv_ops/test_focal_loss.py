import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import SigmoidFocalLoss, sigmoid_focal_loss, softmax_focal_loss

CLASSES = 4


def formula_sigmoid(logits, target, gamma, alpha, weight):
    """Equation 5 of the focal loss paper, with the cross entropy as PyTorch computes it."""
    truth = F.one_hot(target.clamp(0, CLASSES), CLASSES + 1)[:, :CLASSES].to(logits)
    truth[target < 0] = 0
    cross_entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    q = torch.exp(-cross_entropy)
    loss = (alpha * truth + (1 - alpha) * (1 - truth)) * (1 - q) ** gamma * cross_entropy
    return loss if weight is None else loss * weight[target][:, None]


def formula_softmax(logits, target, gamma, alpha, weight):
    """The same for exclusive classes; a negative label is ignored."""
    cross_entropy = F.cross_entropy(logits, target.clamp(min=0), reduction="none")
    loss = alpha * (1 - torch.exp(-cross_entropy)) ** gamma * cross_entropy
    if weight is not None:
        loss = loss * weight[target.clamp(min=0)]
    return loss * (target >= 0)


@pytest.fixture
def logits(device):
    return torch.randn(7, CLASSES, dtype=torch.float64, device=device) * 2


def class_weight(weighted, like):
    return torch.rand(CLASSES).to(like) if weighted else None


def compare_with_gradients(function, formula, logits, *arguments):
    gradients, losses = [], []
    for loss in (function, formula):
        leaf = logits.clone().requires_grad_()
        losses.append(loss(leaf, *arguments))
        gradients += torch.autograd.grad(losses[-1], leaf)
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (1.5, 0.1), (0.0, 0.5)])
class TestFormulas:
    def test_sigmoid(self, logits, weighted, reduction, gamma, alpha):
        # CLASSES and -1 are background; class weights have none
        labels = [0, 1, 2, 3, 0, 3, 3] if weighted else [0, 1, 3, CLASSES, -1, 2, 3]
        target, weight = torch.tensor(labels, device=logits.device), class_weight(weighted, logits)
        compare_with_gradients(
            lambda x: sigmoid_focal_loss(x, target, gamma, alpha, weight, reduction),
            lambda x: formula_sigmoid(x, target, gamma, alpha, weight).sum() / (len(x) if reduction == "mean" else 1),
            logits,
        )

    def test_softmax(self, logits, weighted, reduction, gamma, alpha):
        target, weight = torch.tensor([0, 1, 3, -1, 2, 2, 3], device=logits.device), class_weight(weighted, logits)
        compare_with_gradients(
            lambda x: softmax_focal_loss(x, target, gamma, alpha, weight, reduction),
            lambda x: formula_softmax(x, target, gamma, alpha, weight).sum() / (len(x) if reduction == "mean" else 1),
            logits,
        )


def test_sigmoid_gradient_of_each_entry(logits):
    target = torch.tensor([0, 1, 3, CLASSES, -1, 2, 3], device=logits.device)
    assert torch.autograd.gradcheck(
        lambda x: sigmoid_focal_loss(x, target, 2.0, 0.25, None, "none"), logits.requires_grad_()
    )


def test_sigmoid_does_not_lose_confident_mistakes_in_float32(device):
    """(1 - q)^2 (-log q) of q = sigmoid(-20): 20, where 1 - sigmoid(20) would have rounded to zero."""
    logits = torch.tensor([[20.0, -20.0]], device=device)
    loss = sigmoid_focal_loss(logits, torch.tensor([1], device=device), 2.0, 0.25, None, "none")
    torch.testing.assert_close(loss.cpu(), torch.tensor([[0.75 * 20, 0.25 * 20]]))


@pytest.mark.parametrize("function", [sigmoid_focal_loss, softmax_focal_loss])
class TestEdges:
    def test_saturated_logits_stay_finite(self, function, device):
        logits = torch.tensor([[500.0, -500.0], [-500.0, 500.0]], device=device, requires_grad=True)
        for gamma in (0.0, 0.5, 2.0):
            loss = function(logits, torch.tensor([0, 0], device=device), gamma, 0.25, None, "sum")
            (gradient,) = torch.autograd.grad(loss, logits)
            assert loss.isfinite()
            assert gradient.isfinite().all()

    def test_no_samples(self, function, device):
        logits = torch.zeros(0, CLASSES, device=device, requires_grad=True)
        loss = function(logits, torch.zeros(0, dtype=torch.long, device=device), 2.0, 0.25, None, "sum")
        loss.backward()
        assert loss == 0
        assert logits.grad.shape == (0, CLASSES)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision(self, function, device, dtype):
        logits = torch.randn(7, CLASSES, device=device).to(dtype)
        target = torch.tensor([0, 1, 2, 3, 0, 1, 2], device=device)
        leaves = [logits.clone().requires_grad_(), logits.float().requires_grad_()]
        losses = [function(leaf, target, 2.0, 0.25, None, "sum") for leaf in leaves]
        gradients = [torch.autograd.grad(loss, leaf)[0] for loss, leaf in zip(losses, leaves, strict=True)]
        assert losses[0].dtype == dtype
        torch.testing.assert_close(losses[0].float(), losses[1], rtol=2e-2, atol=1e-3)
        torch.testing.assert_close(gradients[0].float(), gradients[1], rtol=5e-2, atol=1e-2)

    def test_a_label_beyond_the_classes(self, function, logits):
        target = torch.full((7,), CLASSES + 1, device=logits.device)
        with pytest.raises(ValueError, match=f"label {CLASSES + 1}, but the input has {CLASSES} classes"):
            function(logits, target, 2.0, 0.25, None, "sum")


def test_background_has_no_class_weight(logits):
    loss = SigmoidFocalLoss(2.0, 0.25, torch.ones(CLASSES).to(logits))
    for label in (CLASSES, -1):
        with pytest.raises(ValueError, match=f"label {label}"):
            loss(logits, torch.full((7,), label, device=logits.device))
