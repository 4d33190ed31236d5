#include "weights/catalog.h"

#include <algorithm>

namespace cuhue {
namespace {

constexpr CatalogEntry kEntries[] = {
    {.name = "lite",
     .network = "lite",
     .about = "half ResNet-18 with an upsampling decoder, trained on Places205",
     .url = "https://raw.githubusercontent.com/akbokha/image-colorization/"
            "c4745f6c58cc6b8a5f3b436630a59f34dfc756d8/checkpoints/model-epoch-18-losses-0.003.pth",
     .file_name = "lite-resnet18-places-ep18.pth",
     .bytes = 3845773,
     .sha256 = "e33be793f13ae6b3d69d12eee0bf297c5605f90e9096db0b85da86fc59ad0f5c",
     .licence = "MIT",
     .notes = "2019, Abdel K. Bokharouss, Dominik Grabarczyk, Simon Thorogood (akbokha/image-colorization); "
              "the licence file is on the repository's master branch"},
    {.name = "eccv16",
     .network = "eccv16",
     .about = "Zhang, Isola, Efros: Colorful Image Colorization (ECCV 2016), PyTorch release",
     .url = "https://colorizers.s3.us-east-2.amazonaws.com/colorization_release_v2-9b330a0b.pth",
     .file_name = "colorization_release_v2-9b330a0b.pth",
     .bytes = 128976165,
     .sha256 = "9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9",
     .licence = "BSD-2-Clause",
     .notes =
         "Richard Zhang, Phillip Isola, Alexei A. Efros (richzhang/colorization); the repository's licence"},
    {.name = "siggraph17",
     .network = "siggraph17",
     .about = "Zhang, Zhu et al.: Real-Time User-Guided Image Colorization (SIGGRAPH 2017), PyTorch release",
     .url = "https://colorizers.s3.us-east-2.amazonaws.com/siggraph17-df00044c.pth",
     .file_name = "siggraph17-df00044c.pth",
     .bytes = 136787426,
     .sha256 = "df00044c0a4d7c3edcecf6f75437ce346a66e7a42612d9b968e1a7e17dbc6f66",
     .licence = "BSD-2-Clause",
     .notes = "Richard Zhang, Jun-Yan Zhu et al. (richzhang/colorization); the repository's licence; "
              "mask_cent is 0"},
    {.name = "segnet",
     .network = "segnet",
     .about = "Semantic-driven Colorization: the network that labels a photo",
     .url = "https://drive.google.com/file/d/1J9Xdc9gZPAEAy0QhW1Umv-rbmutWKoTC/view",
     .file_name = "seg_weights.pth.tar",
     .bytes = 0,
     .sha256 = "",
     .licence = "LicenseRef-non-commercial",
     .notes = "Ho, Zhang, Raake, Zhou (minhmanho/semantic-driven_colorization): for non-commercial use and "
              "research only; about 52 MB, no hash is known: get it with a browser, then `cuhue convert` it"},
    {.name = "colornet",
     .network = "colornet",
     .about = "Semantic-driven Colorization: the network that colours by labels",
     .url = "https://drive.google.com/file/d/1uBQ1AkfD26Dib4B5bI0BHGoNGlNp8iPk/view",
     .file_name = "color_weights.pth.tar",
     .bytes = 0,
     .sha256 = "",
     .licence = "LicenseRef-non-commercial",
     .notes =
         "Ho, Zhang, Raake, Zhou (minhmanho/semantic-driven_colorization): for non-commercial use and "
         "research only; about 148 MB, no hash is known: get it with a browser, then `cuhue convert` it"},
    {.name = "mask-rcnn",
     .network = "mask-rcnn",
     .about = "Detectron2's mask_rcnn_R_101_FPN_3x: objects of COCO's 80 classes with masks",
     .url = "https://dl.fbaipublicfiles.com/detectron2/COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x/"
            "138205316/model_final_a3ec72.pkl",
     .file_name = "model_final_a3ec72.pkl",
     .bytes = 0,
     .sha256 = "",
     .licence = "CC-BY-SA-3.0",
     .notes = "Facebook AI Research, Detectron2's model zoo; about 254 MB, no hash is known: get it "
              "with a browser, then `cuhue convert` it"},
    {.name = "masks-gan",
     .network = "masks-gan",
     .about = "colorization-masks-gans: a U-Net that colours what a mask shows",
     .url = "",
     .file_name = "",
     .bytes = 0,
     .sha256 = "",
     .licence = "",
     .notes = "no weights are published, and the repository (hallpaz/colorization-masks-gans) has no licence "
              "file; "
              "convert a checkpoint of your own training"},
    {.name = "scgan",
     .network = "scgan",
     .about = "SCGAN: colours and a saliency map from one generator (IEEE TCSVT 2021)",
     .url = "",
     .file_name = "",
     .bytes = 0,
     .sha256 = "",
     .licence = "MIT",
     .notes = "no weights are published; the repository (zhaoyuzhi/Semantic-Colorization-GAN) trains them: "
              "convert a checkpoint of your own training"},
    {.name = "inception-resnet-v2",
     .network = "inception-resnet-v2",
     .about = "deep-koalarization's global features: Inception-ResNet-v2 with 1001 classes, PyTorch port",
     .url = "http://data.lip6.fr/cadene/pretrainedmodels/inceptionresnetv2-520b38e4.pth",
     .file_name = "inceptionresnetv2-520b38e4.pth",
     .bytes = 223774246,
     .sha256 = "520b38e4fe58682abd64eeeb2057c71d0d3a50a95b9bce9dabbaae2be8d5d632",
     .licence = "Apache-2.0",
     .notes = "Szegedy et al. 2016, ported by Remi Cadene (pretrained-models.pytorch); TF-slim's original, "
              "http://download.tensorflow.org/models/inception_resnet_v2_2016_08_30.tar.gz, converts as well "
              "when unpacked; variants with 1000 classes do not fit"},
    {.name = "koalarization",
     .network = "koalarization",
     .about = "deep-koalarization: encoder, fusion with global features, decoder (2017)",
     .url = "",
     .file_name = "",
     .bytes = 0,
     .sha256 = "",
     .licence = "MIT",
     .notes =
         "no weights are published; the repository (baldassarreFe/deep-koalarization, a MIT licence file, "
         "GPL-v3 in its setup.py) trains them: convert the TensorFlow checkpoint of your own training"},
};

}  // namespace

std::span<const CatalogEntry> catalog() {
  return kEntries;
}

const CatalogEntry* find_catalog_entry(std::string_view name) {
  const auto it = std::find_if(std::begin(kEntries), std::end(kEntries),
                               [&](const CatalogEntry& e) { return e.name == name; });
  return it == std::end(kEntries) ? nullptr : it;
}

bool matches(const CatalogEntry& entry, std::uint64_t bytes, std::string_view sha256) {
  return entry.fetched() && bytes == entry.bytes && sha256.size() == 64 && sha256.starts_with(entry.sha256);
}

}  // namespace cuhue
