#include "tokenizer/encoder.h"

#include <algorithm>
#include <utility>

namespace obverse::tokenizer {

Encoder::Encoder(std::shared_ptr<const Model> model)
    : model_(std::move(model)), splitter_(model_->pretokenizer), merger_(model_->merges) {}

std::size_t Encoder::merge_short(std::string_view piece, std::int32_t* ids) {
  if (model_->vocabulary.ignores_merges) {
    const auto whole = model_->ids.find(piece);
    if (whole != model_->ids.end()) {
      *ids = whole->second;
      return 1;
    }
  }
  return merger_.merge_by_scan(piece, ids);
}

template <typename Cache>
void Encoder::encode_cached(Cache& cache, std::string_view piece) {
  static_assert(Cache::kMostBytes <= WordMerger::kShort && Cache::kMostIds <= WordMerger::kShort);
  bool found = false;
  auto& entry = cache.find(piece, found);
  std::int32_t* const ids = pending_.data() + pending_count_;
  if (found) {
    std::copy(entry.id.begin(), entry.id.end(), ids);  // all of them, whatever their number
    pending_count_ += entry.ids;
    return;
  }
  const std::size_t count = merge_short(piece, ids);
  Cache::keep(entry, piece.size(), ids, count);
  pending_count_ += count;
}

void Encoder::flush(std::vector<std::int32_t>& ids) {
  ids.insert(ids.end(), pending_.data(), pending_.data() + pending_count_);
  pending_count_ = 0;
}

void Encoder::encode_piece(std::string_view piece, std::vector<std::int32_t>& ids) {
  if (pending_count_ >= kPending) flush(ids);
  if (piece.size() == 1) {
    pending_[pending_count_++] = model_->merges.byte_id(piece[0]);
  } else if (piece.size() <= decltype(short_words_)::kMostBytes) {
    encode_cached(short_words_, piece);
  } else if (piece.size() <= decltype(long_words_)::kMostBytes) {
    encode_cached(long_words_, piece);
  } else if (piece.size() <= WordMerger::kShort) {
    pending_count_ += merge_short(piece, pending_.data() + pending_count_);
  } else {
    flush(ids);
    const auto whole =
        model_->vocabulary.ignores_merges ? model_->ids.find(piece) : model_->ids.end();
    if (whole != model_->ids.end()) {
      ids.push_back(whole->second);
    } else {
      merger_.merge(piece, ids);
    }
  }
}

void Encoder::encode_plain(std::string_view text, std::vector<std::int32_t>& ids) {
  pending_count_ = 0;  // what an exception may have left behind
  splitter_.split(text, [&](std::string_view piece) { encode_piece(piece, ids); });
  flush(ids);
}

void Encoder::encode(std::string_view text, std::vector<std::int32_t>& ids,
                     Tokenizer::Specials specials) {
  const AddedTokens& added =
      specials == Tokenizer::Specials::recognized ? model_->all_found : model_->always_found;
  std::size_t at = 0;
  while (!added.empty()) {
    const AddedTokens::Found found = added.find(text, at);
    if (found.begin == std::string_view::npos) break;
    encode_plain(text.substr(at, found.begin - at), ids);
    ids.push_back(found.id);
    at = found.begin + found.bytes;
  }
  encode_plain(text.substr(at), ids);
}

}  // namespace obverse::tokenizer
